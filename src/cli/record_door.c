/* Into a record by the command line. */
#include <pwd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "members.h"
#include "record_door.h"

enum { ARENA_BYTES_MAX = 1 << 30, MS_PER_SECOND = 1000 };

/* ---- the door -------------------------------------------------------------------------------- */

void cli_name_actor(char *name, size_t size, mw_actor *ret_actor)
{
    const struct passwd *user = getpwuid(getuid());
    if (user)
        snprintf(name, size, "local:%s", user->pw_name);
    else
        snprintf(name, size, "local:%u", (unsigned)getuid());
    *ret_actor = (mw_actor){mw_view_of(name), MW_VIEW("cli"), {NULL, 0}};
}

mw_status cli_door_open(const cli_call *call, bool make, cli_record_door *ret_door, mw_error *err)
{
    const char *folder = call->settings[CLI_RECORD].text;
    ret_door->registry = NULL;
    mw_arena_init(&ret_door->arena, 64 * MW_KIB, ARENA_BYTES_MAX);
    cli_name_actor(ret_door->name, sizeof ret_door->name, &ret_door->actor);
    if (folder)
        return mw_registry_open_beside(folder, make, &ret_door->registry, err);
    mw_fail(err, MW_E_NO_RECORD, "no record is named");
    return mw_mend(err, "say which: --record DIR, the folder that 'mw serve --record' keeps");
}

void cli_door_close(cli_record_door *door)
{
    mw_registry_close(door->registry);
    mw_arena_done(&door->arena);
}

mw_status cli_door_write(cli_record_door *door, mw_record_work *work, void *user, mw_error *err)
{
    return mw_registry_write_as(door->registry, &door->actor, &door->arena, work, user, err);
}

mw_status cli_door_read(cli_record_door *door, mw_record_work *work, void *user, mw_error *err)
{
    return mw_registry_read(door->registry, &door->arena, work, user, err);
}

/* ---- grants ---------------------------------------------------------------------------------- */

mw_status cli_read_grant(const cli_call *call, mw_grant *ret_grant, mw_error *err)
{
    static const struct {
        cli_option_id id;
        mw_scope scope;
    } scopes[] = {{CLI_OF_EXPERIMENT, MW_SCOPE_EXPERIMENT},
                  {CLI_OF_MODEL, MW_SCOPE_MODEL},
                  {CLI_OF_ENDPOINT, MW_SCOPE_ENDPOINT}};
    const char *role = call->settings[CLI_ROLE].text;
    mw_grant grant = {role ? mw_role_named(mw_view_of(role)) : MW_ROLE_NONE, MW_SCOPE_ALL,
                      MW_VIEW("")};
    for (size_t i = 0; i < MW_COUNT(scopes); i++) {
        const char *object = call->settings[scopes[i].id].text;
        if (!object)
            continue;
        if (grant.scope != MW_SCOPE_ALL) {
            mw_fail(err, MW_E_ACCESS_VALUE, "a role is on one thing, and two are named");
            return mw_mend(err, "grant one after the other");
        }
        grant.scope = scopes[i].scope;
        grant.object = mw_view_of(object);
    }
    if (grant.role == MW_ROLE_ADMIN && grant.scope != MW_SCOPE_ALL) {
        mw_fail(err, MW_E_ACCESS_VALUE, "an admin is one of everything");
        return mw_mend(err, "leave out --%s, or grant the role deployer",
                       mw_scope_names[grant.scope]);
    }
    *ret_grant = grant;
    return MW_OK;
}

/* ---- moments --------------------------------------------------------------------------------- */

static bool read_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    uint64_t number;
    size_t size = strlen(text);
    if (size < 2 || size > 8 || !mw_whole_parse((mw_view){text, size - 1}, &number))
        return false;
    for (size_t i = 0; i < MW_COUNT(units); i++)
        if (units[i].unit == text[size - 1]) {
            *ret_ms = (int64_t)number * units[i].ms;
            return true;
        }
    return false;
}

static bool read_date(const char *text, int64_t *ret_ms)
{
    struct tm parts = {0};
    const char *end = strptime(text, "%Y-%m-%d", &parts);
    if (end && *end == 'T')
        end = strptime(end, "T%H:%M:%S", &parts);
    if (end && *end == '.') /* of a second: as they are printed */
        end += 1 + strspn(end + 1, "0123456789");
    if (end && *end == 'Z')
        end++;
    if (!end || *end)
        return false;
    *ret_ms = (int64_t)timegm(&parts) * MS_PER_SECOND;
    return true;
}

mw_status cli_read_moment(const char *text, bool is_ahead, int64_t *ret_ms, mw_error *err)
{
    int64_t ms, now = mw_clock_wall_ms();
    if (is_ahead && strcmp(text, "never") == 0) {
        *ret_ms = 0;
        return MW_OK;
    }
    if (read_duration(text, &ms))
        ms = is_ahead ? now + ms : now - ms;
    else if (!read_date(text, &ms)) {
        mw_fail(err, MW_E_ACCESS_VALUE, "'%.60s' is no time", text);
        return mw_mend(err, "write 90d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z%s",
                       is_ahead ? ", or never" : "");
    }
    if (is_ahead && ms <= now) {
        mw_fail(err, MW_E_ACCESS_VALUE, "'%.60s' is over already", text);
        return mw_mend(err, "name a time to come");
    }
    *ret_ms = ms;
    return MW_OK;
}

void cli_write_when(mw_buf *out, int64_t ms)
{
    if (ms > 0)
        mw_clock_write_utc(out, ms);
    else
        mw_buf_char(out, '-');
}

/* ---- passwords ------------------------------------------------------------------------------- */

static mw_status fail_password(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_PASSWORD_INPUT, "%s", what);
    return mw_mend(err, "type it at a terminal, or: --password-stdin < FILE");
}

/* A line without its end. False at the end of the file, or when it does not fit. */
static bool read_line(FILE *from, char *line, size_t size)
{
    if (!fgets(line, (int)size, from))
        return false;
    size_t length = strcspn(line, "\r\n");
    bool is_whole = line[length] != '\0' || feof(from);
    line[length] = '\0';
    return is_whole;
}

static bool ask(FILE *terminal, const char *prompt, char *answer, size_t size)
{
    struct termios shown, hidden;
    if (tcgetattr(fileno(terminal), &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(terminal, "%s: ", prompt);
    fflush(terminal);
    tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);
    bool read = read_line(terminal, answer, size);
    tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
    fputc('\n', terminal);
    return read;
}

static mw_status ask_twice(char *ret_password, size_t size, mw_error *err)
{
    char again[MW_PASSWORD_BYTES_MAX + 2] = "";
    FILE *terminal = fopen("/dev/tty", "r+");
    if (!terminal)
        return fail_password("there is no terminal to ask for the password on", err);
    setvbuf(terminal, NULL, _IONBF, 0); /* nothing of it stays in a buffer */
    bool asked = ask(terminal, "password", ret_password, size) &&
                 ask(terminal, "once more", again, sizeof again);
    fclose(terminal);
    bool same = asked && strcmp(ret_password, again) == 0;
    explicit_bzero(again, sizeof again);
    if (!asked)
        return fail_password("no password was typed", err);
    return same ? MW_OK : fail_password("the two are not the same", err);
}

mw_status cli_read_password(const cli_call *call, char *ret_password, size_t size, mw_error *err)
{
    if (!cli_is_on(call, CLI_PASSWORD_STDIN))
        return ask_twice(ret_password, size, err);
    return read_line(stdin, ret_password, size)
               ? MW_OK
               : fail_password("standard input holds no password, or a very long one", err);
}

/* ---- beside a model -------------------------------------------------------------------------- */

typedef struct placing {
    mw_view address, path, digest;
    int64_t bytes;
} placing;

static mw_status place(mw_record *record, void *given, mw_error *err)
{
    placing *p = given;
    return mw_record_put_beside(record, p->address, p->path, p->digest, p->bytes, err);
}

mw_status cli_keep_beside(const cli_call *call, const char *address, const char *path, mw_view text,
                          mw_error *err)
{
    cli_record_door door;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = mw_blobs_put(mw_registry_blobs(door.registry), text, digest, err);
    placing p = {mw_view_of(address), mw_view_of(path), mw_view_of(digest), (int64_t)text.size};
    if (status == MW_OK)
        status = cli_door_write(&door, place, &p, err);
    cli_door_close(&door);
    return status;
}
