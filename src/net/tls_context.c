/* mw_tls: what the files say, as OpenSSL wants it, and its swap. */
#include <openssl/err.h>

#include "tls.h"

/* Forward secrecy and AEAD only. AES-128 first: it is the fastest where the processor has AES; a
 * client that prefers ChaCha20 has none, and gets it. */
static const char ciphers_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char ciphers_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char groups[] = "X25519:P-256:P-384";

/* ---- the context ----------------------------------------------------------------------------- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *user)
{
    static const unsigned char spoken[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, out_size, spoken, sizeof spoken - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_rules(const mw_tls *tls, SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Not SSL_MODE_RELEASE_BUFFERS: it frees and allocates 34 kB a request (net_tls_rest). */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_keylog_callback(context, tls_lean_note_secret);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets only */
    SSL_CTX_set_timeout(context, MW_LIMIT_TLS_SESSION_SECONDS);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_max_cert_list(context, MW_LIMIT_TLS_CLIENT_CHAIN_BYTES);
    SSL_CTX_set_verify_depth(context, MW_LIMIT_TLS_CLIENT_CHAIN);
    SSL_CTX_set_app_data(context, (void *)(uintptr_t)tls);
}

static bool set_versions(const mw_tls *tls, SSL_CTX *context)
{
    int least = tls->options.only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    /* Groups that this OpenSSL lacks (FIPS) leave its own choice. */
    if (SSL_CTX_set1_groups_list(context, groups) != 1)
        ERR_clear_error();
    return SSL_CTX_set_min_proto_version(context, least) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, ciphers_1_2) == 1 &&
           SSL_CTX_set_ciphersuites(context, ciphers_1_3) == 1;
}

static bool set_clients(const mw_tls *tls, tls_material *material, SSL_CTX *context)
{
    if (SSL_CTX_set_session_id_context(context, material->client_rules,
                                       sizeof material->client_rules) != 1)
        return false;
    if (!material->authorities)
        return true;
    SSL_CTX_set1_cert_store(context, material->authorities);
    SSL_CTX_set_client_CA_list(context, material->authority_names); /* taken */
    material->authority_names = NULL;
    bool required = tls->options.clients == MW_TLS_CLIENTS_REQUIRED;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    return true;
}

static bool set_pair(const tls_material *material, SSL_CTX *context)
{
    return SSL_CTX_use_certificate(context, material->certificate) == 1 &&
           SSL_CTX_use_PrivateKey(context, material->key) == 1 &&
           SSL_CTX_set1_chain(context, material->chain) == 1;
}

static mw_status fail_openssl(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_TLS_SYSTEM, "OpenSSL refused %s: %s", what, tls_last_reason());
    return mw_mend(err, "see openssl.cnf, and that memory is left");
}

static mw_status make_context(mw_tls *tls, tls_material *material, SSL_CTX **ret_context,
                              mw_error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    mw_status status = MW_OK;
    if (!context || !set_versions(tls, context) || !set_clients(tls, material, context) ||
        !tls_tickets_install(&tls->tickets, context)) {
        status = fail_openssl("to be set up", err);
    } else if (!set_pair(material, context)) {
        mw_fail(err, MW_E_TLS_FILE, "OpenSSL refuses the certificate: %s", tls_last_reason());
        mw_at(err, "%s", tls->options.certificate);
        status =
            mw_mend(err, "use a key of 2048 bits of RSA or 256 of a curve, signed with SHA-256");
    }
    if (status == MW_OK) {
        set_rules(tls, context);
        *ret_context = context;
    } else {
        SSL_CTX_free(context);
    }
    return status;
}

SSL *tls_connection_new(mw_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->context); /* which counts the context */
    pthread_mutex_unlock(&tls->lock);
    if (!ssl)
        ERR_clear_error();
    return ssl;
}

/* ---- files that change ----------------------------------------------------------------------- */

static void look(const mw_tls *tls, tls_stamp stamps[TLS_FILES])
{
    const char *paths[TLS_FILES] = {tls->options.certificate, tls->options.key,
                                    tls->options.client_ca};
    memset(stamps, 0, TLS_FILES * sizeof *stamps); /* padding, too: they are compared as bytes */
    for (size_t i = 0; i < TLS_FILES; i++) {
        struct stat about;
        if (!paths[i] || stat(paths[i], &about) != 0)
            continue;
        stamps[i].device = about.st_dev;
        stamps[i].inode = about.st_ino;
        stamps[i].size = about.st_size;
        stamps[i].modified = about.st_mtim;
        stamps[i].changed = about.st_ctim;
    }
}

bool mw_tls_has_changed(mw_tls *tls)
{
    tls_stamp now[TLS_FILES];
    look(tls, now);
    bool stands_still = memcmp(now, tls->seen, sizeof now) == 0;
    memcpy(tls->seen, now, sizeof now);
    return stands_still && memcmp(now, tls->read, sizeof now) != 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status mw_tls_reload(mw_tls *tls, mw_error *err)
{
    tls_material material;
    mw_tls_info info;
    SSL_CTX *context = NULL;
    look(tls, tls->read); /* before reading: what changes meanwhile is seen as a change */
    MW_TRY(tls_material_read(&tls->options, &material, err));
    tls_material_describe(&material, &info);
    mw_status status = make_context(tls, &material, &context, err);
    tls_material_done(&material);
    MW_TRY(status);
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *before = tls->context;
    tls->context = context;
    tls->info = info;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(before);
    return MW_OK;
}

static mw_status check_options(const mw_tls_options *options, mw_error *err)
{
    if (!options->certificate) {
        mw_fail(err, MW_E_TLS_OPTION, "TLS is asked for, and there is no certificate");
        return mw_mend(err, "give the certificate and its key");
    }
    if (options->clients != MW_TLS_CLIENTS_OFF && !options->client_ca) {
        mw_fail(err, MW_E_TLS_OPTION,
                "client certificates are asked for, and nobody is named who "
                "may have signed them");
        return mw_mend(err, "give the file of the authority's certificate");
    }
    return MW_OK;
}

static bool copy_text(const char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

mw_status mw_tls_new(const mw_tls_options *options, mw_tls **ret_tls, mw_error *err)
{
    MW_TRY(check_options(options, err));
    mw_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return mw_fail_memory(err, "TLS");
    tls_tickets_init(&tls->tickets);
    pthread_mutex_init(&tls->lock, NULL);
    tls->options = *options;
    bool certificate = copy_text(&tls->options.certificate), key = copy_text(&tls->options.key);
    bool authorities = copy_text(&tls->options.client_ca);
    mw_status status =
        certificate && key && authorities ? mw_tls_reload(tls, err) : mw_fail_memory(err, "TLS");
    if (status != MW_OK) {
        mw_tls_free(tls);
        return status;
    }
    memcpy(tls->seen, tls->read, sizeof tls->seen);
    *ret_tls = tls;
    return MW_OK;
}

void mw_tls_free(mw_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    tls_tickets_done(&tls->tickets);
    pthread_mutex_destroy(&tls->lock);
    free((void *)(uintptr_t)tls->options.certificate);
    free((void *)(uintptr_t)tls->options.key);
    free((void *)(uintptr_t)tls->options.client_ca);
    free(tls);
}

void mw_tls_describe(const mw_tls *tls, mw_tls_info *ret_info)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&tls->lock;
    pthread_mutex_lock(lock);
    *ret_info = tls->info;
    pthread_mutex_unlock(lock);
}
