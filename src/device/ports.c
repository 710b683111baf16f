/* The serial ports of this machine, with all the names they go by.
 *
 * Nothing is opened: opening raises modem lines, and some instruments restart on that. The kernel
 * tells in /sys/class/tty which of its ttys have hardware behind them; libserialport tells what
 * that is. (Its own list is not taken, because it opens ports of PCs to see whether they are there;
 * the kernel gives those that are not the type 0.)
 */
#include "device/bus_int.h"

#include <dirent.h>
#include <libserialport.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TTYS "/sys/class/tty"

/* The link in a folder of /dev/serial that leads to the device; "" when there is none. */
static void find_link(const char *folder, const char *device, char *name, size_t size)
{
    DIR *const dir = opendir(folder);
    name[0] = '\0';
    for (const struct dirent *entry = dir != NULL ? readdir(dir) : NULL;
         entry != NULL && name[0] == '\0'; entry = readdir(dir)) {
        char link[PATH_MAX];
        char target[PATH_MAX];
        const int length = snprintf(link, sizeof link, "%s/%s", folder, entry->d_name);
        if (length > 0 && (size_t)length < size && realpath(link, target) != NULL &&
            strcmp(target, device) == 0) {
            (void)cyc_copy(name, size, link);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void copy_text(char *target, size_t size, const char *source)
{
    (void)cyc_copy(target, size, source != NULL ? source : "");
}

static int describe(const char *device, struct cyc_port_info *info)
{
    struct sp_port *port = NULL;
    if (sp_get_port_by_name(device, &port) != SP_OK) {
        return CYC_E_FILE; /* gone meanwhile */
    }
    *info = (struct cyc_port_info){.usb_vendor = -1, .usb_product = -1};
    copy_text(info->device, sizeof info->device, device);
    copy_text(info->description, sizeof info->description, sp_get_port_description(port));
    if (sp_get_port_transport(port) == SP_TRANSPORT_USB) {
        copy_text(info->serial_number, sizeof info->serial_number, sp_get_port_usb_serial(port));
        if (sp_get_port_usb_vid_pid(port, &info->usb_vendor, &info->usb_product) != SP_OK) {
            info->usb_vendor = -1;
            info->usb_product = -1;
        }
    }
    sp_free_port(port);
    find_link("/dev/serial/by-id", device, info->by_id, sizeof info->by_id);
    find_link("/dev/serial/by-path", device, info->by_path, sizeof info->by_path);
    return CYC_OK;
}

/* Whether there is hardware behind a tty of this name. */
static bool is_port(const char *name)
{
    char path[PATH_MAX];
    char type[8] = ""; /* only the kernel's own serial core tells one */
    (void)snprintf(path, sizeof path, TTYS "/%s/device", name);
    if (access(path, F_OK) != 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, TTYS "/%s/type", name);
    FILE *const file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(type, sizeof type, file) == NULL) {
            type[0] = 0;
        }
        (void)fclose(file);
    }
    return strcmp(type, "0\n") != 0;
}

static int each_name(struct dirent **entries, int count, bool with_holders, cyc_port_info_fn fn,
                     void *context)
{
    int stop = 0;
    for (int i = 0; i < count && stop == 0; i++) {
        char device[PATH_MAX];
        struct cyc_port_info info;
        (void)snprintf(device, sizeof device, "/dev/%s", entries[i]->d_name);
        if (!is_port(entries[i]->d_name) || describe(device, &info) != CYC_OK) {
            continue;
        }
        if (with_holders) {
            info.is_locked = cyc_bus_holder(device, info.holder, sizeof info.holder);
        }
        stop = fn(context, &info);
    }
    return stop;
}

int cyc_ports_list(bool with_holders, cyc_port_info_fn fn, void *context, struct cyc_err *err)
{
    struct dirent **entries = NULL;
    const int count = scandir(TTYS, &entries, NULL, versionsort);
    if (count < 0) {
        return cyc_err_set(err, CYC_E_FILE, "the ports cannot be listed: " TTYS ": %m");
    }
    (void)each_name(entries, count, with_holders, fn, context);
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    return CYC_OK;
}

int cyc_ports_each(cyc_port_info_fn fn, void *context, struct cyc_err *err)
{
    return cyc_ports_list(true, fn, context, err);
}
