/* The serial ports of this machine, with all the names they go by. Nothing is opened: opening
 * raises modem lines, and some instruments restart on that. */
#include "device/bus_int.h"

#include <dirent.h>
#include <libserialport.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void describe(const struct sp_port *port, struct cyc_port_info *info)
{
    *info = (struct cyc_port_info){.usb_vendor = -1, .usb_product = -1};
    copy_text(info->device, sizeof info->device, sp_get_port_name(port));
    copy_text(info->description, sizeof info->description, sp_get_port_description(port));
    if (sp_get_port_transport(port) == SP_TRANSPORT_USB) {
        copy_text(info->serial_number, sizeof info->serial_number, sp_get_port_usb_serial(port));
        if (sp_get_port_usb_vid_pid(port, &info->usb_vendor, &info->usb_product) != SP_OK) {
            info->usb_vendor = -1;
            info->usb_product = -1;
        }
    }
    find_link("/dev/serial/by-id", info->device, info->by_id, sizeof info->by_id);
    find_link("/dev/serial/by-path", info->device, info->by_path, sizeof info->by_path);
}

int cyc_ports_list(bool with_holders, cyc_port_info_fn fn, void *context, struct cyc_err *err)
{
    struct sp_port **ports = NULL;
    const enum sp_return result = sp_list_ports(&ports);
    if (result != SP_OK) {
        return result == SP_ERR_MEM
                   ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to list the ports")
                   : cyc_err_set(err, CYC_E_FILE, "the ports cannot be listed: %m");
    }
    int stop = 0;
    for (size_t i = 0; ports[i] != NULL && stop == 0; i++) {
        struct cyc_port_info info;
        describe(ports[i], &info);
        if (with_holders) {
            info.is_locked = cyc_bus_holder(info.device, info.holder, sizeof info.holder);
        }
        stop = fn(context, &info);
    }
    sp_free_port_list(ports);
    return CYC_OK;
}

int cyc_ports_each(cyc_port_info_fn fn, void *context, struct cyc_err *err)
{
    return cyc_ports_list(true, fn, context, err);
}
