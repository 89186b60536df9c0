/* One value of an option: text from a flag, the environment or a file, checked and made a number.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "command.h"

enum { CLI_BILLION = 1000000000 };

typedef struct cli_value {
    const char *text; /* normal form; in the arena or borrowed from the option table */
    uint64_t
        number; /* flag 0/1, count, bytes, milliseconds, seconds, billionths, index of the choice */
} cli_value;

/* Read `text` as a value of the option.
 * Fails: MW_BAD_ARGUMENT; err says what may stand there. The caller adds the place. */
MW_CHECKED mw_status cli_value_read(const cli_option *option, mw_view text, mw_arena *arena,
                                    cli_value *ret_value, mw_error *err);

/* Parts of the above, for tests and other uses. False when the text is not of the kind. */
bool cli_read_size(mw_view text, uint64_t *ret_bytes);
bool cli_read_time(mw_view text, uint64_t *ret_ms);
bool cli_read_share(mw_view text, uint64_t *ret_billionths);
bool cli_read_seconds(mw_view text, uint64_t *ret_seconds);

/* "8081", ":8081", "localhost", "[::1]:0", "0.0.0.0:80" -> "host:port" in `out`. */
bool cli_read_address(mw_view text, mw_buf *out);
/* True when only this machine can reach the address ("host:port"): 127.0.0.0/8, ::1, localhost. */
bool cli_address_is_local(const char *address);

#endif
