/* Members of a JSON object, each behind the comma that is due. */
#ifndef CLI_MEMBERS_H
#define CLI_MEMBERS_H

#include "base/base.h"

/* `,"name":`; without the comma where the object or list has just begun. */
void cli_member(mw_buf *out, const char *name);
/* The comma alone, before an element of a list. */
void cli_member_comma(mw_buf *out);
/* An absent text writes nothing. */
void cli_member_text(mw_buf *out, const char *name, mw_view text);
void cli_member_int(mw_buf *out, const char *name, int64_t value);
/* NaN writes nothing. */
void cli_member_double(mw_buf *out, const char *name, double value);
/* NaN and infinities write null. */
void cli_member_number(mw_buf *out, const char *name, double value);
void cli_member_bool(mw_buf *out, const char *name, bool value);
/* Milliseconds since 1970, as mw_clock_write_utc. */
void cli_member_time(mw_buf *out, const char *name, int64_t ms);

#endif
