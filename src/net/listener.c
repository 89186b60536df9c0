/* Who listens on a port? Through /proc: the port's socket has an inode, and the process that
 * listens has a descriptor that points to it.
 *
 *     /proc/net/tcp    0: 0100007F:1F90 00000000:0000 0A ... 48213      state 0A = listening
 *     /proc/1234/fd/5 -> socket:[48213]                                 /proc/1234/comm: nginx
 */
#include <dirent.h>
#include <netinet/in.h>
#include <unistd.h>

#include "address.h"
#include "token.h"

enum { TCP_STATE_LISTENING = 0x0a, INODES_MAX = 16 };

typedef struct inodes {
    unsigned long values[INODES_MAX];
    size_t n;
} inodes;

static unsigned port_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
}

static void find_inodes(const char *table, unsigned port, inodes *found)
{
    FILE *file = fopen(table, "re");
    if (!file)
        return;
    char line[512];
    while (fgets(line, sizeof line, file) && found->n < INODES_MAX) {
        unsigned line_port, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
                   &line_port, &state, &inode) == 3 &&
            line_port == port && state == TCP_STATE_LISTENING)
            found->values[found->n++] = inode;
    }
    fclose(file);
}

static bool is_wanted(const char *link, const inodes *wanted)
{
    unsigned long inode;
    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return false;
    for (size_t i = 0; i < wanted->n; i++)
        if (wanted->values[i] == inode)
            return true;
    return false;
}

static bool holds_socket(const char *process, const inodes *wanted)
{
    char path[300], link[64];
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    bool holds = false;
    for (struct dirent *entry; !holds && (entry = readdir(folder));) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (n > 0) {
            link[n] = '\0';
            holds = is_wanted(link, wanted);
        }
    }
    closedir(folder);
    return holds;
}

static void name_process(const char *process, char *ret_owner, size_t owner_size)
{
    char path[300], name[64] = "";
    snprintf(path, sizeof path, "/proc/%s/comm", process);
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(name, sizeof name, file))
            name[0] = '\0';
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
    snprintf(ret_owner, owner_size, "process %s ('%s')", process, name);
}

bool net_find_listener(const struct sockaddr *address, char *ret_owner, size_t owner_size)
{
    inodes wanted = {.n = 0};
    find_inodes("/proc/net/tcp", port_of(address), &wanted);
    find_inodes("/proc/net/tcp6", port_of(address), &wanted);
    DIR *processes = wanted.n > 0 ? opendir("/proc") : NULL;
    if (!processes)
        return false;
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(processes));) {
        if (!net_is_digit(entry->d_name[0]) || !holds_socket(entry->d_name, &wanted))
            continue;
        name_process(entry->d_name, ret_owner, owner_size);
        found = true;
    }
    closedir(processes);
    return found;
}
