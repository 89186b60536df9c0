/* Errors: what, where, why, how to mend.
 *
 * The deepest code knows what is wrong and where; outer layers prepend to `where`.
 *
 *     if (child >= n_nodes) {
 *         mw_fail(err, MW_E_TREE_CHILD, "child %u is outside 0..%u", child, n_nodes - 1);
 *         mw_at(err, "trees[%u].left_children[%u]", tree, node);
 *         return mw_mend(err, "export the model again; this file is cut short or edited by hand");
 *     }
 *     ... its caller:  return mw_at(err, "%s", path);
 *
 * Every code stands once in src/base/codes/<room>.def with its status, title and help text. That
 * table gives the enum, the status, `mw help MW2007` and the reference page.
 *
 * Messages: lower case, no full stop, values shown, names quoted. Rooms below serve never print.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <millwright.h>

#include "text.h"

#ifdef MW_BARE
typedef int mw_code; /* kernels fail with none, and need not be built anew for each new one */
#else
typedef enum mw_code {
    MW_E_NONE = 0,
#define MW_CODE(number, name, status, title, help) MW_E_##name = number,
#include "codes/all.def"
#undef MW_CODE
} mw_code;
#endif

/* One row of the code table. */
typedef struct mw_code_row {
    int number;
    mw_status status;
    const char *title, *help;
} mw_code_row;

/* The row of `number`, or NULL. */
const mw_code_row *mw_code_find(int number);
/* All rows in ascending order of number; *ret_count rows. */
const mw_code_row *mw_code_rows(size_t *ret_count);

/* Set the error afresh: status from the code's row, `what` from the format, the rest empty.
 * Returns the status, never MW_OK. `err` may be NULL in all of these. */
mw_status mw_fail(mw_error *err, mw_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prepend to `where`: "place: old". Returns err's status. */
mw_status mw_at(mw_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Say the deeper cause. Returns err's status. */
mw_status mw_why(mw_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Say how to mend it. Returns err's status. */
mw_status mw_mend(mw_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* MW_NO_MEMORY with code MW_E_NO_MEMORY; `what_for` names what the memory was for. */
mw_status mw_fail_memory(mw_error *err, const char *what_for);
/* MW_IO with the text of errno: "cannot open: No such file or directory". */
mw_status mw_fail_errno(mw_error *err, const char *verb, int errno_value);

/* For people at a terminal:
 *     error: model.json: trees[12].left_children[3]: child 91 is outside 0..62
 *       why: ...
 *       fix: export the model again                                          [MW2007]       */
void mw_error_print(const mw_error *err, mw_buf *out);
/* One line, for protocol bodies and the log:
 *     trees[12].left_children[3]: child 91 is outside 0..62; fix: export the model again [MW2007]
 */
void mw_error_sentence(const mw_error *err, mw_buf *out);

/* The one mapping from status to exit code (0 ok, 1 failed, 2 usage, 3 not found, ...)
 * and to HTTP status; a full disk has one of its own (507). */
int mw_status_exit_code(mw_status status);
int mw_code_http(mw_code code, mw_status status);

#define MW_TRY(call)                      \
    do {                                  \
        mw_status mw_try_status = (call); \
        if (mw_try_status != MW_OK)       \
            return mw_try_status;         \
    } while (0)

#endif
