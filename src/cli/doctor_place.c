/* A folder that a server will write to: may it, is there room, and how long does the disk take. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    ROOM_LOW_BYTES = 1 << 30, /* a day's prediction log is more */
    ROOM_NONE_BYTES = 64 << 20,
    WRITES = 9,
    WRITE_BYTES = 4096,
    SLOW_NS = 20000000 /* each metric that is logged, each deploy waits for one */
};

/* From linux/magic.h, and statfs(2) for those that are not there. */
static const struct {
    unsigned magic;
    const char *name, *trouble;
} filesystems[] = {
    {0x6969, "NFS", "locks over a network are not to be relied on"},
    {0xff534d42, "CIFS", "locks over a network are not to be relied on"},
    {0xfe534d42, "SMB", "locks over a network are not to be relied on"},
    {0x01021997, "9p", "locks over a network are not to be relied on"},
    {0x01021994, "tmpfs", "it is memory: what is kept there is gone after a restart"},
    {0x858458f6, "ramfs", "it is memory: what is kept there is gone after a restart"},
};

static void check_filesystem(doctor *self, const char *check, const char *folder)
{
    struct statfs at;
    if (statfs(folder, &at) != 0)
        return;
    for (size_t i = 0; i < MW_COUNT(filesystems); i++)
        if ((unsigned)at.f_type == filesystems[i].magic)
            doctor_warn(self, check, "choose a folder on a disk of this machine",
                        "%.150s is on %s: %s", folder, filesystems[i].name, filesystems[i].trouble);
}

static void check_room(doctor *self, const char *check, const char *folder)
{
    struct statvfs disk;
    mw_error err;
    if (statvfs(folder, &disk) != 0)
        return;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (left < ROOM_NONE_BYTES) {
        mw_fail(&err, MW_E_DOCTOR_ROOM, "%.0f MB are left on its disk", (double)left / 1e6);
        mw_at(&err, "%s", folder);
        mw_mend(&err, "free some, or choose another folder");
        doctor_fail(self, check, &err);
    } else if (left < ROOM_LOW_BYTES)
        doctor_warn(self, check, "free some, or choose another folder",
                    "%.0f MB are left on %.150s", (double)left / 1e6, folder);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The median of some writes that wait for the disk, in nanoseconds. */
static bool time_writes(int fd, uint64_t *ret_ns)
{
    static const char bytes[WRITE_BYTES];
    uint64_t took[WRITES];
    for (size_t i = 0; i < WRITES; i++) {
        uint64_t began = mw_clock_ns();
        if (pwrite(fd, bytes, sizeof bytes, (off_t)(i * sizeof bytes)) != WRITE_BYTES ||
            fdatasync(fd) != 0)
            return false;
        took[i] = mw_clock_ns() - began;
    }
    qsort(took, WRITES, sizeof *took, compare);
    *ret_ns = took[WRITES / 2];
    return true;
}

static void fail_place(doctor *self, const char *check, const char *folder, const char *option,
                       int failed)
{
    mw_error err;
    mw_fail(&err, MW_E_DATA_FOLDER, "no file can be written there: %s", strerror(failed));
    mw_at(&err, "%s", folder);
    mw_mend(&err, "give the folder to who runs the server, or name another with %s", option);
    doctor_fail(self, check, &err);
}

/* A file that is gone when it is closed, whatever happens meanwhile. False: none can be written. */
static bool check_writing(doctor *self, const char *check, const char *folder, const char *option,
                          const char *note)
{
    char path[4096];
    uint64_t ns;
    snprintf(path, sizeof path, "%s/.doctor-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0) {
        fail_place(self, check, folder, option, errno);
        return false;
    }
    unlink(path);
    bool is_written = time_writes(fd, &ns);
    if (!is_written)
        fail_place(self, check, folder, option, errno);
    else if (ns > SLOW_NS)
        doctor_warn(self, check, "a faster disk; until then log in batches",
                    "%.150s: a write is on the disk after %.0f ms", folder, (double)ns / 1e6);
    else
        doctor_ok(self, check, "%.150s%s: a write is on the disk after %.2f ms", folder, note,
                  (double)ns / 1e6);
    close(fd);
    return is_written;
}

/* The folder itself, or the nearest one above it that is there: the server would make the rest. */
static void find_existing(const char *folder, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s", folder);
    while (!mw_file_is_folder(ret_path)) {
        char *slash = strrchr(ret_path, '/');
        if (!slash) {
            snprintf(ret_path, size, ".");
            return;
        }
        slash[slash == ret_path] = '\0'; /* "/" stays */
    }
}

void doctor_check_place(doctor *self, const char *check, const char *folder, const char *option)
{
    char path[4000];
    find_existing(folder, path, sizeof path);
    bool is_there = strcmp(path, folder) == 0;
    if (check_writing(self, check, path, option, is_there ? "" : ", where it will be made")) {
        check_room(self, check, path);
        check_filesystem(self, check, path);
    }
}
