/* A letter to a program: the JSON on its standard input, no shell anywhere. Exit code 0 is taken.
 * What it prints is dropped; one that does not end in time is killed, with all that it started. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"

enum { NS_PER_MS = 1000000, VARIABLES_MAX = 8 };

static mw_status fail_exec(const alert_receiver *r, const char *what, int number, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_DELIVERY, "%s %d", what, number);
    mw_at(err, "%.*s", MW_VIEW_ARG(r->command.items[0]));
    return mw_mend(err, "run it by hand with the notification on standard input");
}

/* Only what a program needs: secrets of the server's environment are not its business. */
static void gather_environment(char *room, size_t room_size, mw_view key,
                               char *environment[VARIABLES_MAX + 1])
{
    static const char *const kept[] = {"PATH=", "HOME=", "LANG=", "TZ=", "TMPDIR="};
    extern char **environ;
    size_t n = 0;
    snprintf(room, room_size, "MW_ALERT_KEY=%.*s", MW_VIEW_ARG(key));
    environment[n++] = room;
    for (char **one = environ; *one; one++)
        for (size_t i = 0; i < MW_COUNT(kept) && n < VARIABLES_MAX; i++)
            if (strncmp(*one, kept[i], strlen(kept[i])) == 0)
                environment[n++] = *one;
    environment[n] = NULL;
}

static int spawn(const alert_receiver *r, mw_view key, int input, pid_t *ret_pid)
{
    char *arguments[ALERT_WORDS_MAX + 1], *environment[VARIABLES_MAX + 1], room[128];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    for (size_t i = 0; i < r->command.count; i++)
        arguments[i] = (char *)(uintptr_t)r->command.items[i].data; /* not written to */
    arguments[r->command.count] = NULL;
    gather_environment(room, sizeof room, key, environment);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int failed = posix_spawnp(ret_pid, arguments[0], &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* It may read slowly, or not at all and end: the process ignores SIGPIPE. */
static void feed(int fd, mw_view text, uint64_t deadline_ns)
{
    while (text.size > 0) {
        uint64_t now_ns = mw_clock_ns();
        struct pollfd one = {.fd = fd, .events = POLLOUT};
        if (now_ns >= deadline_ns ||
            poll(&one, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            return;
        ssize_t n = write(fd, text.data, text.size);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return;
        text.data += n > 0 ? n : 0;
        text.size -= n > 0 ? (size_t)n : 0;
    }
}

/* False: it was killed. */
static bool wait_for(pid_t pid, uint64_t deadline_ns, int *ret_status)
{
    static const struct timespec moment = {0, 5 * NS_PER_MS};
    while (waitpid(pid, ret_status, WNOHANG) == 0) {
        if (mw_clock_ns() >= deadline_ns) {
            kill(-pid, SIGKILL);
            waitpid(pid, ret_status, 0);
            return false;
        }
        nanosleep(&moment, NULL);
    }
    return true;
}

mw_status alert_send_exec(const alert_receiver *r, const book_letter *letter, mw_error *err)
{
    int ends[2], status;
    pid_t pid;
    uint64_t deadline_ns = mw_clock_ns() + (uint64_t)r->timeout_ms * NS_PER_MS;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return mw_fail_errno(err, "make a pipe", errno);
    int failed = spawn(r, letter->key, ends[0], &pid);
    close(ends[0]);
    if (failed) {
        close(ends[1]);
        mw_fail_errno(err, "run the program", failed);
        return mw_at(err, "%.*s", MW_VIEW_ARG(r->command.items[0]));
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    feed(ends[1], letter->body, deadline_ns);
    close(ends[1]);
    if (!wait_for(pid, deadline_ns, &status))
        return fail_exec(r, "the program was killed: not done after ms", (int)r->timeout_ms, err);
    if (WIFSIGNALED(status))
        return fail_exec(r, "the program died of signal", WTERMSIG(status), err);
    return WEXITSTATUS(status) == 0
               ? MW_OK
               : fail_exec(r, "the program ended with code", WEXITSTATUS(status), err);
}
