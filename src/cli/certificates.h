/* TLS of the server: from the settings, and over its life. */
#ifndef CLI_CERTIFICATES_H
#define CLI_CERTIFICATES_H

#include "call.h"
#include "net/net.h"

/* *ret_tls is NULL when no certificate is set. What is doubtful about it is logged.
 * Fails: as mw_tls_new; MW_BAD_ARGUMENT when TLS settings stand without a certificate. */
MW_CHECKED mw_status cli_tls_open(const cli_call *call, mw_tls **ret_tls, mw_error *err);
/* Read the files again; a pair that is broken leaves the old one in use. The log tells. */
void cli_tls_reload(mw_tls *tls);
/* The same, when the files have changed. To be called each MW_LIMIT_TLS_LOOK_MS. */
void cli_tls_look(mw_tls *tls);
/* Whether only clients with a certificate get in: then a public address is no open door. */
bool cli_tls_knows_clients(const cli_call *call);

#endif
