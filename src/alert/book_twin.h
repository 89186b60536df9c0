/* Two books: the one of all servers of a record, and the one in a server's own data folder, which
 * knows enough of it to go on where the record cannot be reached.
 *
 *     book of all --each few seconds: what this server holds, what was told of it--> own book
 *                 <--when the record is back: what was told meanwhile--
 *
 * A letter that still waits in the book of all counts as not told in the own one: who goes on alone
 * tells it himself. */
#ifndef ALERT_BOOK_TWIN_H
#define ALERT_BOOK_TWIN_H

#include "book.h"

enum { BOOK_TWIN_TABLES = 6 };

/* Rows of each table, in an arena. */
typedef struct book_twin {
    struct {
        mw_value *values;
        size_t n_rows;
    } tables[BOOK_TWIN_TABLES];
    book_texts rules, receivers; /* of the API */
} book_twin;

MW_CHECKED mw_status book_twin_read(mw_sql *session, mw_view server, int64_t now_ms,
                                    mw_arena *arena, book_twin *ret_twin, mw_error *err);
/* Equal for equal rows. */
void book_twin_digest(const book_twin *twin, char digest[MW_DIGEST_TEXT_BYTES]);
/* In place of what the own book had of these; what is over stays there. */
MW_CHECKED mw_status book_twin_write(mw_sql *session, const book_twin *twin, mw_error *err);

/* What goes back. */
typedef struct book_news {
    bool has_joined; /* before; else what the API had set here goes along */
    book_texts rules, receivers;
    book_silences silences;
    struct book_said {
        mw_view receiver, fingerprint;
        int64_t firing, at_ms;
    } * said; /* what receivers were told alone */
    size_t n_said;
} book_news;

/* Told since then; 0: nothing was told alone. */
MW_CHECKED mw_status book_news_read(mw_sql *session, int64_t alone_ms, int64_t now_ms,
                                    mw_arena *arena, book_news *ret_news, mw_error *err);
/* Behind what fires there now. */
MW_CHECKED mw_status book_news_write(mw_sql *session, const book_news *news, mw_error *err);
MW_CHECKED mw_status book_note_joined(mw_sql *session, int64_t now_ms, mw_error *err);

#endif
