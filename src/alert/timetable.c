/* Reports by the clock: which, of what, to whom, when.
 *
 *     - {kind: weekly, of: credit, to: [ops], on: monday 07:00, time_zone: local}
 *
 * A zone is UTC, so many hours from it, or the machine's own, whose summer time the C library
 * knows: names of zones would be known there only by the environment, which is everybody's. */
#include <time.h>

#include "read.h"

enum { DAY_MINUTES = 1440, OFFSET_MINUTES_MAX = 14 * 60, EVERY_DAY = 0x7f };

#define KEY(name, kind, member)                         \
    {                                                   \
        name, kind, offsetof(alert_sheet, member), NULL \
    }

static const read_key sheet_keys[] = {
    KEY("kind", READ_TEXT, kind),
    KEY("of", READ_TEXT, of),
    KEY("to", READ_WORDS, to),
    KEY("on", READ_TEXT, on_text),
    KEY("time_zone", READ_TEXT, zone_text),
    KEY("token_file", READ_TEXT, token_file),
    KEY("token_env", READ_TEXT, token_env),
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool two_digits(mw_view text, int most, int *ret_value)
{
    if (text.size != 2 || text.data[0] < '0' || text.data[0] > '9' || text.data[1] < '0' ||
        text.data[1] > '9')
        return false;
    *ret_value = (text.data[0] - '0') * 10 + text.data[1] - '0';
    return *ret_value <= most;
}

/* "07:00" */
static bool read_minute(mw_view text, int hours_most, int *ret_minute)
{
    int hours, minutes;
    if (text.size != 5 || text.data[2] != ':' ||
        !two_digits((mw_view){text.data, 2}, hours_most, &hours) ||
        !two_digits((mw_view){text.data + 3, 2}, 59, &minutes))
        return false;
    *ret_minute = 60 * hours + minutes;
    return true;
}

static unsigned bits_of(mw_view word)
{
    static const char *const days[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};
    if (mw_view_is(word, "daily"))
        return EVERY_DAY;
    for (unsigned i = 0; i < MW_COUNT(days); i++)
        if (mw_view_is(word, days[i]) || (word.size == 3 && memcmp(word.data, days[i], 3) == 0))
            return 1u << i;
    return 0;
}

/* "monday 07:00", "mon, thu 07:00", "daily 18:30" */
static bool read_when(mw_view text, alert_sheet *sheet)
{
    mw_view left = mw_view_trim(text);
    sheet->days = 0;
    if (left.size < 6 || !read_minute((mw_view){left.data + left.size - 5, 5}, 23, &sheet->minute))
        return false;
    left.size -= 5;
    if (left.data[left.size - 1] != ' ')
        return false;
    for (left = mw_view_trim(left); left.size > 0;) {
        unsigned bits = bits_of(mw_view_trim(mw_view_cut(&left, ',')));
        sheet->days |= bits;
        if (!bits)
            return false;
    }
    return sheet->days != 0;
}

/* "UTC", "local", "+01:00" */
static bool read_zone(mw_view text, alert_sheet *sheet)
{
    sheet->is_local = mw_view_is(text, "local");
    if (!text.data || sheet->is_local || mw_view_is(text, "UTC"))
        return true;
    if (text.size != 6 || !strchr("+-", text.data[0]) ||
        !read_minute((mw_view){text.data + 1, 5}, 14, &sheet->offset_minutes) ||
        sheet->offset_minutes > OFFSET_MINUTES_MAX)
        return false;
    if (text.data[0] == '-')
        sheet->offset_minutes = -sheet->offset_minutes;
    return true;
}

static mw_status fail_sheet(alert_reader *in, const mw_yaml *node, const char *what,
                            const char *mend, mw_error *err)
{
    mw_fail(err, in->code, "%s", what);
    mw_mend(err, "%s", mend);
    return read_at_node(in, node, err);
}

static mw_status read_sheet(alert_reader *in, const mw_yaml *map, mw_arena *arena,
                            alert_sheet *sheet, mw_error *err)
{
    static const char shape[] = "write '- {kind: weekly, of: ENDPOINT, to: [RECEIVER], on: monday "
                                "07:00}'";
    MW_TRY(read_expect(in, map, MW_YAML_MAP, "a report", shape, err));
    MW_TRY(
        read_keys(in, map, "alerts.reports", sheet_keys, MW_COUNT(sheet_keys), arena, sheet, err));
    if (!sheet->kind.data || !sheet->of.data || !sheet->on_text.data || sheet->to.count == 0)
        return fail_sheet(in, map, "a report needs \"kind\", \"of\", \"to\" and \"on\"", shape,
                          err);
    if (!mw_view_is(sheet->kind, "weekly") && !mw_view_is(sheet->kind, "drift") &&
        !mw_view_is(sheet->kind, "card"))
        return fail_sheet(in, mw_yaml_member(map, "kind"),
                          "no report of this kind is made by the clock",
                          "weekly or drift (of an endpoint), card (of NAME/3)", err);
    if (!read_when(sheet->on_text, sheet))
        return fail_sheet(in, mw_yaml_member(map, "on"), "no days and a time of the day",
                          "write on: monday 07:00, on: mon,thu 07:00, or on: daily 18:30", err);
    if (!read_zone(sheet->zone_text, sheet))
        return fail_sheet(in, mw_yaml_member(map, "time_zone"), "no time zone that is known here",
                          "write UTC (the default), local (the machine's: TZ, /etc/localtime), or "
                          "'+01:00'",
                          err);
    return MW_OK;
}

mw_status alert_sheets_read(alert_reader *in, const mw_yaml *list, mw_arena *arena,
                            alert_sheet **ret_sheets, mw_error *err)
{
    alert_sheet **end = ret_sheets;
    if (!list || mw_yaml_is_null(list))
        return MW_OK;
    in->code = MW_E_ALERT_SHEET;
    MW_TRY(
        read_expect(in, list, MW_YAML_LIST, "\"reports\"", "write a list: '- kind: weekly'", err));
    if (list->count > MW_LIMIT_ALERT_SHEETS) {
        mw_fail(err, in->code, "%zu entries, and %d may stand here", list->count,
                MW_LIMIT_ALERT_SHEETS);
        return read_at_key(in, list, err);
    }
    for (const mw_yaml *item = list->first; item; item = item->next) {
        *end = mw_arena_take_zeroed(arena, 1, sizeof **end);
        if (!*end)
            return mw_fail_memory(err, "the reports");
        MW_TRY(read_sheet(in, item, arena, *end, err));
        end = &(*end)->next;
    }
    return MW_OK;
}

void alert_sheet_schema(mw_buf *out)
{
    read_schema(sheet_keys, MW_COUNT(sheet_keys), out);
}

/* ---- moments --------------------------------------------------------------------------------- */

/* The sheet's time on the day that is so many days from that of now_ms; 0: not on that day. */
static int64_t moment_on(const alert_sheet *sheet, int64_t now_ms, int days)
{
    struct tm day;
    time_t now = (time_t)(now_ms / 1000) + (sheet->is_local ? 0 : 60 * sheet->offset_minutes);
    if (!(sheet->is_local ? localtime_r(&now, &day) : gmtime_r(&now, &day)))
        return 0;
    day.tm_mday += days;
    day.tm_hour = sheet->minute / 60;
    day.tm_min = sheet->minute % 60;
    day.tm_sec = 0;
    day.tm_isdst = -1; /* an hour that summer time leaves out is the one behind it */
    time_t moment = sheet->is_local ? mktime(&day) : timegm(&day);
    if (!(sheet->days & 1u << day.tm_wday))
        return 0;
    return 1000 * ((int64_t)moment - (sheet->is_local ? 0 : 60 * sheet->offset_minutes));
}

int64_t alert_sheet_last(const alert_sheet *sheet, int64_t now_ms)
{
    for (int days = 0; days >= -7; days--) {
        int64_t moment = moment_on(sheet, now_ms, days);
        if (moment > 0 && moment <= now_ms)
            return moment;
    }
    return 0;
}

int64_t alert_sheet_next(const alert_sheet *sheet, int64_t now_ms)
{
    for (int days = 0; days <= 7; days++) {
        int64_t moment = moment_on(sheet, now_ms, days);
        if (moment > now_ms)
            return moment;
    }
    return 0;
}
