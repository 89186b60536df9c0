/* Members of JSON objects; see members.h. */
#include "members.h"

#include <math.h>

void cli_member_comma(mw_buf *out)
{
    if (out->size > 0 && !strchr("{[,:", out->data[out->size - 1]))
        mw_buf_char(out, ',');
}

void cli_member(mw_buf *out, const char *name)
{
    cli_member_comma(out);
    mw_json_write_text(out, mw_view_of(name));
    mw_buf_char(out, ':');
}

void cli_member_text(mw_buf *out, const char *name, mw_view text)
{
    if (!text.data)
        return;
    cli_member(out, name);
    mw_json_write_text(out, text);
}

void cli_member_int(mw_buf *out, const char *name, int64_t value)
{
    cli_member(out, name);
    mw_json_write_int(out, value);
}

void cli_member_double(mw_buf *out, const char *name, double value)
{
    if (!isnan(value))
        cli_member_number(out, name, value);
}

void cli_member_number(mw_buf *out, const char *name, double value)
{
    cli_member(out, name);
    mw_json_write_double(out, value);
}

void cli_member_bool(mw_buf *out, const char *name, bool value)
{
    cli_member(out, name);
    mw_buf_text(out, value ? "true" : "false");
}

void cli_member_time(mw_buf *out, const char *name, int64_t ms)
{
    cli_member(out, name);
    mw_buf_char(out, '"');
    mw_clock_write_utc(out, ms);
    mw_buf_char(out, '"');
}
