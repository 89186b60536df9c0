/* Requests of a load, made of the rows of a CSV file: whole, head and body, ready to be sent.
 *
 *     credit.csv ──> cells ──> bodies of n rows each, in a protocol ──> HTTP/1.1 requests
 *
 * The file's columns are taken as they are; only the server knows the model. A column whose cells
 * are all numbers or missing is one of numbers, any other is one of texts. */
#ifndef CLI_LOAD_BODIES_H
#define CLI_LOAD_BODIES_H

#include "bodies.h"
#include "net/net.h"

typedef struct cli_load_bodies {
    mw_view *requests; /* whole; the arena's */
    size_t n_requests;
    size_t n_rows; /* of the file that are used */
    size_t rows_each;
    size_t body_bytes; /* of the first one */
    char path[512];    /* of the URL */
    mw_arena arena;
} cli_load_bodies;

/* Make requests of `rows_each` rows each from the file at `path`; the last ones of a file that do
 * not fill a request are left out. endpoint NULL: the server's only model, at /invocations.
 * Fails: MW_NOT_FOUND, MW_IO, MW_BAD_DATA (MW7302, CSV), MW_BAD_ARGUMENT, MW_NO_MEMORY. */
MW_CHECKED mw_status cli_load_bodies_make(cli_load_bodies *bodies, const char *path,
                                          const char *endpoint, cli_body_form form,
                                          size_t rows_each, const mw_dial *server, mw_error *err);
void cli_load_bodies_done(cli_load_bodies *bodies);

#endif
