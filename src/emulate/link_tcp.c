/* A link as a TCP port, like a serial-to-network adapter: at most a few hosts at a time, answers go
 * to whoever spoke last. */
#include "emulate/emulate_int.h"

#include "base/text.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int port_of(const char *word)
{
    double value = 0;
    size_t used = 0;
    const size_t size = strlen(word);
    const bool number = cyc_number_parse(word, size, &value, &used) && used == size;
    return number && value >= 0 && value <= 65535 ? (int)value : -1;
}

int cyc_tcp_open(struct cyc_link *link, struct cyc_err *err)
{
    const int port = port_of(link->where);
    const int yes = 1;
    if (port < 0) {
        return cyc_err_set(err, CYC_E_INPUT, "'%s' is no TCP port; 0 takes a free one",
                           link->where);
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    link->attached = false;
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0 || setsockopt(link->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(link->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(link->fd, CYC_LINK_CLIENTS_MAX) != 0 ||
        getsockname(link->fd, (struct sockaddr *)&address, &size) != 0) {
        return cyc_err_set(err, CYC_E_IO, "cannot listen on TCP port %d: %s", port,
                           strerror(errno));
    }
    (void)snprintf(link->where, sizeof link->where, "%u", ntohs(address.sin_port));
    return CYC_OK;
}

static void hang_up(struct cyc_link *link, unsigned client)
{
    (void)close(link->clients[client]);
    link->clients[client] = -1;
    link->attached = false;
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        link->attached = link->attached || link->clients[i] >= 0;
    }
}

void cyc_tcp_close(struct cyc_link *link)
{
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        if (link->clients[i] >= 0) {
            hang_up(link, i);
        }
    }
    if (link->fd >= 0) {
        (void)close(link->fd);
    }
    link->fd = -1;
}

static void greet(struct cyc_link *link)
{
    const int yes = 1;
    const int fd = accept4(link->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        if (link->clients[i] < 0) {
            link->clients[i] = fd;
            link->client = i;
            link->attached = true;
            return;
        }
    }
    (void)close(fd); /* all sessions taken */
}

size_t cyc_tcp_read(struct cyc_link *link, uint8_t *bytes, size_t size)
{
    if (link->fd < 0) {
        return 0;
    }
    greet(link);
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        if (link->clients[i] < 0) {
            continue;
        }
        const ssize_t got = recv(link->clients[i], bytes, size, MSG_DONTWAIT);
        if (got > 0) {
            link->client = i;
            return (size_t)got;
        }
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            hang_up(link, i);
        }
    }
    return 0;
}
