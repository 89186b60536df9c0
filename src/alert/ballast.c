/* Room for alerts on a full disk: that it is full must not be what keeps them from being told.
 *
 *     DATA/alerts.ballast, real blocks --a write finds no room--> removed; written once more
 *                  `<-- made again once there is plenty of room
 *
 * Others may take the blocks first: then it is as without. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine.h"

static bool name_ballast(const mw_alerts *alerts, char path[4096])
{
    int size = snprintf(path, 4096, "%s/alerts.ballast", alerts->folder);
    return size > 0 && size < 4096;
}

void alerts_keep_ballast(mw_alerts *alerts)
{
    char path[4096];
    if (atomic_load(&alerts->has_ballast) || !name_ballast(alerts, path) ||
        alerts->disk_free < (double)MW_LIMIT_ALERT_BALLAST_FREE_BYTES)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    bool is_made = posix_fallocate(fd, 0, MW_LIMIT_ALERT_BALLAST_BYTES) == 0;
    close(fd);
    if (!is_made)
        unlink(path);
    atomic_store(&alerts->has_ballast, is_made);
}

static bool give_up_ballast(mw_alerts *alerts)
{
    char path[4096];
    if (!atomic_exchange(&alerts->has_ballast, false) || !name_ballast(alerts, path) ||
        unlink(path) != 0)
        return false;
    mw_log(MW_LOG_WARN, "the disk is full: alerts take the room that was kept for them");
    return true;
}

mw_status alerts_write_own(mw_alerts *alerts, mw_store_work *work, void *user, mw_error *err)
{
    mw_status status = mw_store_write(alerts->store, work, user, err);
    if (status == MW_IO && err->code == MW_E_STORE_FULL && give_up_ballast(alerts))
        status = mw_store_write(alerts->store, work, user, err);
    return status;
}
