/* How commands reach a running server: its address, headers, who vouches for its certificate. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "call.h"
#include "net/net.h"

enum { CLI_ANSWER_MS = 60000 }; /* a command waits so long for an answer */

/* The options that say it. */
#define CLI_REACH CLI_SERVER, CLI_HEADER, CLI_CACERT, CLI_INSECURE

/* The way to the server at `given` (NULL: --server): also "8080" or ":8080", and what servers
 * listen on, as 0.0.0.0, which is asked on this machine's own. The caller frees. Fails:
 * MW_BAD_ARGUMENT, MW_BAD_DATA (--cacert), MW_NO_MEMORY. */
MW_CHECKED mw_status cli_reach(const cli_call *call, const char *given, mw_dial **ret_dial,
                               mw_error *err);
/* Why a server refused, in its own words (detail, or message, of its JSON; else the body), and how
 * to mend it: by a token, where it wants one. Returns err's status. */
mw_status cli_tell_refusal(int http_status, mw_view body, const char *mend, mw_error *err);
/* The same as if it were refused here: the code that the server tells, and with it the exit code;
 * without one MW8913. Returns err's status. */
mw_status cli_repeat_refusal(int http_status, mw_view body, mw_error *err);
/* A name as it stands in a path or query. */
void cli_put_encoded(mw_buf *out, mw_view text);
/* Whether a command whose record may be at hand (--record) goes through its server: one that is
 * named comes first; with neither it is that of this machine. */
bool cli_by_server(const cli_call *call);

/* A server that is reached. */
typedef struct cli_server {
    mw_dial *dial;
    mw_client *client;
} cli_server;

/* That of --server. To be closed in any case. Fails: as cli_reach; MW_IO, MW_NOT_FOUND. */
MW_CHECKED mw_status cli_server_open(const cli_call *call, cli_server *ret_server, mw_error *err);
void cli_server_close(cli_server *server);
/* *ret_answer is valid until the next. body: JSON, or absent. Fails: MW_IO; what the server says,
 * by cli_repeat_refusal. */
MW_CHECKED mw_status cli_server_ask(const cli_server *server, const char *method, const char *path,
                                    mw_view body, mw_view *ret_answer, mw_error *err);
/* As it is shown: without http://, which goes without saying. */
const char *cli_reach_name(const mw_dial *dial);

#endif
