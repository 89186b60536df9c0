/* Where the story plays: a folder that is thrown away, the server as a process, commands. */
#include "story.h"

#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS_MAX = 40, WORDS_BYTES = 2048, SERVER_LINE_BYTES = 8192, WAIT_MS = 20000 };

static mw_status fail_stage(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_SYSTEM, "cannot %s: %s", what, strerror(errno));
    return mw_mend(err, "TMPDIR names the folder for files that are thrown away");
}

mw_status story_stage_open(const char *examples, story_stage *stage, mw_error *err)
{
    char folder[PATH_MAX - 16];
    const char *temporary = getenv("TMPDIR");
    *stage = (story_stage){.server_out = -1, .began_ns = mw_clock_ns()};
    MW_TRY(demo_find_examples(examples, folder, sizeof folder, err));
    snprintf(stage->lender, sizeof stage->lender, "%s/lender", folder);
    ssize_t size = readlink("/proc/self/exe", stage->program, sizeof stage->program - 1);
    stage->program[size > 0 ? size : 0] = '\0';
    snprintf(stage->folder, sizeof stage->folder, "%s/mw-demo-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(stage->folder)) {
        stage->folder[0] = '\0';
        return fail_stage("make a folder", err);
    }
    char link[PATH_MAX + 16];
    snprintf(link, sizeof link, "%s/lender", stage->folder);
    char *whole = realpath(stage->lender, NULL);
    bool linked = whole && symlink(whole, link) == 0;
    free(whole);
    return linked ? MW_OK : fail_stage("link the examples", err);
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    (void)what;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

void story_stage_close(story_stage *stage)
{
    int status;
    if (stage->server > 0) {
        kill(stage->server, SIGTERM);
        waitpid(stage->server, &status, 0);
    }
    if (stage->server_out >= 0)
        close(stage->server_out);
    if (stage->folder[0])
        nftw(stage->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    stage->server = 0;
    stage->folder[0] = '\0';
}

mw_status story_write(story_stage *stage, const char *name, mw_view text, mw_error *err)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", stage->folder, name);
    return mw_file_write(path, text, err);
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Parted by blanks; what stands between ' is one word. */
static size_t split(char *words, char **argv, size_t room)
{
    size_t n = 0;
    for (char *at = words; *at && n < room;) {
        char end = *at == '\'' ? '\'' : ' ';
        at += *at == '\'';
        argv[n++] = at;
        at += strcspn(at, end == ' ' ? " " : "'");
        if (*at)
            *at++ = '\0';
        while (*at == ' ')
            at++;
    }
    argv[n] = NULL;
    return n;
}

/* Signals are blocked here and must not be in the child; it leaves no files to others. */
static mw_status spawn(story_stage *stage, char *const *argv, bool with_faults, pid_t *ret_pid,
                       int *ret_out, mw_error *err)
{
    int ends[2];
    sigset_t none;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_stage("make a pipe", err);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    /* Ctrl-C is the demo's to take: it ends its server itself */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addchdir_np(&files, stage->folder);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    if (with_faults)
        posix_spawn_file_actions_adddup2(&files, ends[1], 2);
    else
        posix_spawn_file_actions_addopen(&files, 2, "server.log", O_WRONLY | O_CREAT | O_APPEND,
                                         0600);
    errno = posix_spawn(ret_pid, stage->program, &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    *ret_out = ends[0];
    if (errno == 0)
        return MW_OK;
    close(ends[0]);
    return fail_stage("start a process", err);
}

mw_status story_run(story_stage *stage, const char *words, mw_buf *out, int *ret_code,
                    mw_error *err)
{
    char text[WORDS_BYTES], some[4096], *argv[WORDS_MAX + 1];
    const char *at = strchr(words, '@');
    bool by_server = at && (at[1] == '\0' || at[1] == ' ') && at[-1] == ' ';
    pid_t pid;
    int from, status = 0;
    ssize_t n;
    if (by_server)
        snprintf(text, sizeof text, "mw %.*s--server %s%s", (int)(at - words), words,
                 stage->address, at + 1);
    else
        snprintf(text, sizeof text, "mw %s", words);
    split(text, argv, WORDS_MAX);
    MW_TRY(spawn(stage, argv, true, &pid, &from, err));
    while ((n = read(from, some, sizeof some)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            mw_buf_view(out, (mw_view){some, (size_t)n});
    close(from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return MW_OK;
}

/* ---- the server ------------------------------------------------------------------------------ */

/* Its first line: {"event":"serving",...,"address":"127.0.0.1:41234",...} */
static bool read_address(int from, char *ret_address, size_t size)
{
    char line[SERVER_LINE_BYTES];
    size_t used = 0;
    mw_json *root;
    mw_error none;
    while (used < sizeof line - 1 && read(from, line + used, 1) == 1 && line[used] != '\n')
        used++;
    if (used == 0 || mw_json_read((mw_view){line, used}, &root, &none) != MW_OK)
        return false;
    mw_view address = mw_json_text(mw_json_member(root, "address"));
    snprintf(ret_address, size, "%.*s", MW_VIEW_ARG(address));
    mw_json_free(root);
    return *ret_address != '\0';
}

mw_status story_serve(story_stage *stage, const char *listen, mw_error *err)
{
    char text[WORDS_BYTES];
    snprintf(text, sizeof text, "mw serve --record record --data data --listen %s --json", listen);
    char *argv[WORDS_MAX + 1];
    split(text, argv, WORDS_MAX);
    MW_TRY(spawn(stage, argv, false, &stage->server, &stage->server_out, err));
    if (read_address(stage->server_out, stage->address, sizeof stage->address))
        return MW_OK;
    mw_fail(err, MW_E_DEMO_FAILED, "the server did not start");
    return mw_at(err, "%s/server.log", stage->folder);
}
