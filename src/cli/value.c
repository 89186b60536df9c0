/* Values with units. Overflow, a missing unit and trailing bytes are errors, never guesses. */
#include "listeners.h"
#include "value.h"

#include <ctype.h>

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "8080"

enum { PORT_MAX = 65535, HOST_BYTES_MAX = 253 };

typedef struct unit {
    const char *name;
    uint64_t size;
} unit;

static const unit *unit_named(mw_view name, const unit *units, size_t n_units)
{
    for (size_t i = 0; i < n_units; i++)
        if (mw_view_is(name, units[i].name))
            return &units[i];
    return NULL;
}

static size_t count_digits(mw_view text)
{
    size_t n = 0;
    while (n < text.size && isdigit((unsigned char)text.data[n]))
        n++;
    return n;
}

/* The first `size` bytes, and what is behind them. */
static mw_view cut(mw_view *text, size_t size)
{
    mw_view head = {text->data, size};
    text->data += size;
    text->size -= size;
    return head;
}

/* Tenths, hundredths ... of a unit: 0.5 of 1024. Digits beyond the unit's resolution are dropped.
 */
static uint64_t fraction_of(mw_view digits, uint64_t unit_size)
{
    double share = 0, place = 0.1;
    for (size_t i = 0; i < digits.size; i++, place /= 10)
        share += place * (digits.data[i] - '0');
    return (uint64_t)(share * (double)unit_size + 0.5);
}

/* "1.5GiB": digits, a point and digits, one unit. */
static bool read_with_unit(mw_view text, const unit *units, size_t n_units, uint64_t *ret_value)
{
    uint64_t whole, value;
    if (!mw_whole_parse(cut(&text, count_digits(text)), &whole))
        return false;
    mw_view digits = {text.data, 0};
    if (text.size > 0 && text.data[0] == '.') {
        cut(&text, 1);
        digits = cut(&text, count_digits(text));
        if (digits.size == 0)
            return false;
    }
    const unit *found = unit_named(mw_view_trim(text), units, n_units);
    if (!found || __builtin_mul_overflow(whole, found->size, &value) ||
        __builtin_add_overflow(value, fraction_of(digits, found->size), &value))
        return false;
    *ret_value = value;
    return true;
}

bool cli_read_size(mw_view text, uint64_t *ret_bytes)
{
    /* A letter alone is binary, as nginx, dd and systemd read it. */
    static const unit units[] = {
        {"", 1},         {"B", 1},      {"K", MW_KIB},   {"k", MW_KIB},   {"KiB", MW_KIB},
        {"M", MW_MIB},   {"m", MW_MIB}, {"MiB", MW_MIB}, {"G", MW_GIB},   {"g", MW_GIB},
        {"GiB", MW_GIB}, {"kB", 1000},  {"KB", 1000},    {"MB", 1000000}, {"GB", 1000000000},
    };
    return read_with_unit(text, units, MW_COUNT(units), ret_bytes);
}

static const unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

bool cli_read_time(mw_view text, uint64_t *ret_ms)
{
    return read_with_unit(text, time_units, MW_COUNT(time_units), ret_ms);
}

bool cli_read_seconds(mw_view text, uint64_t *ret_seconds)
{
    uint64_t ms;
    if (mw_whole_parse(text, ret_seconds))
        return true;
    if (!cli_read_time(text, &ms) || ms % 1000 != 0)
        return false;
    *ret_seconds = ms / 1000;
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_port(mw_view text)
{
    uint64_t port;
    return text.size <= 5 && mw_whole_parse(text, &port) && port <= PORT_MAX;
}

static bool is_host(mw_view text)
{
    if (text.size == 0 || text.size > HOST_BYTES_MAX)
        return false;
    bool bracketed = text.data[0] == '[';
    if (bracketed && (text.size < 4 || text.data[text.size - 1] != ']'))
        return false;
    for (size_t i = bracketed; i < text.size - bracketed; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!isalnum(c) && !(bracketed ? strchr(":.%", c) : strchr("-._", c)))
            return false;
    }
    return true;
}

bool cli_read_address(mw_view text, mw_buf *out)
{
    mw_view host = text, port = {NULL, 0};
    const char *bracket = memrchr(text.data, ']', text.size);
    const char *colon = memrchr(text.data, ':', text.size);
    if (colon && (!bracket || colon > bracket)) {
        host.size = (size_t)(colon - text.data);
        port = (mw_view){colon + 1, text.size - host.size - 1};
        if (!is_port(port))
            return false;
    } else if (is_port(text)) {
        port = text;
        host.size = 0;
    }
    if (host.size == 0 && port.size == 0)
        return false;
    if (host.size == 0)
        host = mw_view_of(DEFAULT_HOST);
    if (port.size == 0)
        port = mw_view_of(DEFAULT_PORT);
    if (!is_host(host))
        return false;
    mw_buf_view(out, host);
    mw_buf_char(out, ':');
    mw_buf_view(out, port);
    return !out->failed;
}

bool cli_address_is_local(const char *address)
{
    mw_view text = mw_view_of(address);
    const char *colon = strrchr(address, ':');
    mw_view host = {address, colon ? (size_t)(colon - address) : text.size};
    if (mw_view_is_nocase(host, "localhost") || mw_view_is(host, "[::1]"))
        return true;
    /* 127.x.y.z, and nothing that merely begins so ("127.evil.example") */
    if (!mw_view_starts(host, "127."))
        return false;
    for (size_t i = 0; i < host.size; i++)
        if (!isdigit((unsigned char)host.data[i]) && host.data[i] != '.')
            return false;
    return true;
}

/* ---- by kind --------------------------------------------------------------------------------- */

static bool read_flag(mw_view text, uint64_t *ret_value)
{
    bool on = mw_view_is(text, "true") || mw_view_is(text, "1");
    if (!on && !mw_view_is(text, "false") && !mw_view_is(text, "0"))
        return false;
    *ret_value = on;
    return true;
}

static bool read_choice(const cli_option *option, mw_view text, uint64_t *ret_value)
{
    for (uint64_t i = 0; option->choices[i]; i++)
        if (mw_view_is(text, option->choices[i])) {
            *ret_value = i;
            return true;
        }
    return false;
}

bool cli_read_share(mw_view text, uint64_t *ret_billionths)
{
    double share;
    const char *end = text.data + text.size;
    if (text.size == 0 || mw_number_read(text.data, end, false, &share) != end ||
        !(share >= 0 && share <= 1))
        return false;
    *ret_billionths = (uint64_t)(share * CLI_BILLION + 0.5);
    return true;
}

static bool has_range(cli_kind kind)
{
    return kind == CLI_KIND_COUNT || kind == CLI_KIND_SIZE || kind == CLI_KIND_TIME ||
           kind == CLI_KIND_SECONDS;
}

static bool read_number(const cli_option *option, mw_view text, uint64_t *ret_value)
{
    switch (option->kind) {
    case CLI_KIND_FLAG:
        return read_flag(text, ret_value);
    case CLI_KIND_COUNT:
        return mw_whole_parse(text, ret_value);
    case CLI_KIND_SIZE:
        return cli_read_size(text, ret_value);
    case CLI_KIND_TIME:
        return cli_read_time(text, ret_value);
    case CLI_KIND_SECONDS:
        return cli_read_seconds(text, ret_value);
    case CLI_KIND_SHARE:
        return cli_read_share(text, ret_value);
    case CLI_KIND_CHOICE:
        return read_choice(option, text, ret_value);
    case CLI_KIND_TEXT:
    case CLI_KIND_FILE:
    case CLI_KIND_FOLDER:
    case CLI_KIND_LISTEN:
        *ret_value = 0;
        return text.size > 0;
    }
    return false;
}

/* What a value of this kind is, in a sentence: "'10' is not a time". */
static const char *kind_noun(cli_kind kind)
{
    switch (kind) {
    case CLI_KIND_FLAG:
        return "true or false";
    case CLI_KIND_LISTEN:
        return "an address";
    case CLI_KIND_COUNT:
        return "a whole number";
    case CLI_KIND_SIZE:
        return "a size";
    case CLI_KIND_TIME:
        return "a time";
    case CLI_KIND_SECONDS:
        return "a number of seconds";
    case CLI_KIND_SHARE:
        return "a share from 0 to 1";
    case CLI_KIND_CHOICE:
        return "one of the choices";
    case CLI_KIND_TEXT:
        return "a text";
    case CLI_KIND_FILE:
    case CLI_KIND_FOLDER:
        return "a path";
    }
    return "a value";
}

static mw_status fail_value(const cli_option *option, mw_view text, mw_error *err)
{
    mw_buf range;
    mw_buf_init(&range, sizeof err->mend);
    cli_option_range(option, &range);
    if (text.size == 0)
        mw_fail(err, MW_E_OPTION_VALUE, "the value is empty");
    else
        mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is not %s", MW_VIEW_ARG(text),
                kind_noun(option->kind));
    mw_mend(err, "give %s%s%s%s", range.size ? range.data : kind_noun(option->kind),
            option->kind == CLI_KIND_TIME ? ", with its unit (ms, s, m, h)" : "",
            option->fallback ? ", for example " : "", option->fallback ? option->fallback : "");
    mw_buf_done(&range);
    return MW_BAD_ARGUMENT;
}

static mw_status fail_range(const cli_option *option, mw_view text, mw_error *err)
{
    mw_buf range;
    mw_buf_init(&range, sizeof err->mend);
    cli_option_range(option, &range);
    mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is outside %s", MW_VIEW_ARG(text), range.data);
    mw_mend(err, "give a value in %s", range.data);
    mw_buf_done(&range);
    return MW_BAD_ARGUMENT;
}

static mw_status read_address_value(const cli_option *option, mw_view text, mw_arena *arena,
                                    cli_value *ret_value, mw_error *err)
{
    mw_buf address;
    mw_buf_init(&address, 16 * MW_KIB);
    bool good = cli_read_listen(text, &address);
    char *kept = good ? mw_arena_text(arena, mw_buf_as_view(&address)) : NULL;
    mw_buf_done(&address);
    if (!good)
        return fail_value(option, text, err);
    if (!kept)
        return mw_fail_memory(err, "the settings");
    *ret_value = (cli_value){.text = kept};
    return MW_OK;
}

mw_status cli_value_read(const cli_option *option, mw_view text, mw_arena *arena,
                         cli_value *ret_value, mw_error *err)
{
    uint64_t number;
    if (text.size > 0 && memchr(text.data, '\0', text.size))
        return fail_value(option, (mw_view){text.data, strlen(text.data)}, err);
    if (!read_number(option, text, &number))
        return fail_value(option, text, err);
    if (option->kind == CLI_KIND_LISTEN)
        return read_address_value(option, text, arena, ret_value, err);
    if (has_range(option->kind) && (number < option->min || number > option->max))
        return fail_range(option, text, err);
    const char *kept =
        option->kind == CLI_KIND_FLAG ? (number ? "true" : "false") : mw_arena_text(arena, text);
    if (!kept)
        return mw_fail_memory(err, "the settings");
    *ret_value = (cli_value){.text = kept, .number = number};
    return MW_OK;
}
