/* A PostgreSQL of one's own in a folder, on a socket there: for tests that need a real one. Where
 * none is installed (apt install postgresql), they skip. */
#ifndef TESTS_POSTGRES_H
#define TESTS_POSTGRES_H

#include <glob.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_postgres {
    char folder[64], bin[128], as[64], address[160];
} test_postgres;

static inline bool test_postgres_do(const test_postgres *p, const char *what)
{
    char command[1024];
    snprintf(command, sizeof command, "cd / && %s %s/%s >/dev/null 2>&1 </dev/null", p->as, p->bin,
             what);
    return system(command) == 0;
}

static inline bool test_postgres_start(const test_postgres *p)
{
    char what[512];
    snprintf(what, sizeof what,
             "pg_ctl -D %s/db -w -l %s/log start -o \"-k %s -c listen_addresses='' "
             "-c max_connections=20 -c shared_buffers=16MB -c fsync=off\"",
             p->folder, p->folder, p->folder);
    return test_postgres_do(p, what);
}

/* mode: "fast", or "immediate", which is as good as killed. */
static inline bool test_postgres_stop(const test_postgres *p, const char *mode)
{
    char what[256];
    snprintf(what, sizeof what, "pg_ctl -D %s/db -w -m %s stop", p->folder, mode);
    return test_postgres_do(p, what);
}

/* False: there is none to start. PostgreSQL refuses to run as root: it is run as its own user. */
static inline bool test_postgres_make(test_postgres *p)
{
    glob_t found;
    *p = (test_postgres){.folder = "/tmp/mw-pg-XXXXXX"};
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0)
        snprintf(p->bin, sizeof p->bin, "%.*s",
                 (int)(strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb")),
                 found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    const struct passwd *owner = geteuid() == 0 ? getpwnam("postgres") : getpwuid(geteuid());
    if (!p->bin[0] || !owner || !mkdtemp(p->folder))
        return false;
    if (geteuid() == 0) {
        snprintf(p->as, sizeof p->as, "setpriv --reuid=%u --regid=%u --clear-groups", owner->pw_uid,
                 owner->pw_gid);
        if (chown(p->folder, owner->pw_uid, owner->pw_gid) != 0)
            return false;
    }
    snprintf(p->address, sizeof p->address, "postgresql://mw@/postgres?host=%s", p->folder);
    char what[256];
    snprintf(what, sizeof what, "initdb -D %s/db -A trust -U mw --no-sync -E UTF8 --locale=C.UTF-8",
             p->folder);
    return test_postgres_do(p, what) && test_postgres_start(p);
}

static inline void test_postgres_remove(const test_postgres *p)
{
    char command[128];
    test_postgres_stop(p, "immediate");
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    if (system(command) != 0)
        perror(p->folder);
}

#endif
