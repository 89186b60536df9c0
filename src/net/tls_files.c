/* Certificate, chain, key and authorities from PEM files, with a sentence for all that can be wrong
 * with them. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "tls.h"

const char *tls_last_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "no reason was given";
}

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status refuse_file(const char *path, const char *what, const char *why, const char *mend,
                             mw_error *err)
{
    mw_fail(err, MW_E_TLS_FILE, "%s", what);
    mw_at(err, "%s", path);
    if (why)
        mw_why(err, "%s", why);
    return mw_mend(err, "%s", mend);
}

/* A reader over the file's bytes, which must outlive it. */
static mw_status open_pem(const char *path, mw_file *file, BIO **ret_reader, mw_error *err)
{
    MW_TRY(mw_file_read(path, MW_LIMIT_TLS_FILE_BYTES, file, err));
    *ret_reader = BIO_new_mem_buf(file->size > 0 ? file->data : "", (int)file->size);
    if (*ret_reader)
        return MW_OK;
    mw_file_done(file);
    return mw_fail_memory(err, "a certificate");
}

static void close_pem(mw_file *file, BIO *reader)
{
    BIO_free(reader);
    mw_file_done(file);
    ERR_clear_error(); /* the end of the file counts as an error there */
}

/* No more PEM blocks, as against one that is damaged. */
static bool is_at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static mw_status read_chain(BIO *reader, const char *path, STACK_OF(X509) * chain, mw_error *err)
{
    X509 *next;
    while ((next = PEM_read_bio_X509(reader, NULL, NULL, NULL))) {
        if (!sk_X509_push(chain, next)) {
            X509_free(next);
            return mw_fail_memory(err, "a certificate chain");
        }
    }
    if (is_at_end())
        return MW_OK;
    return refuse_file(path, "a certificate behind the first is damaged", tls_last_reason(),
                       "write the file anew from what the authority gave", err);
}

static mw_status read_certificates(const char *path, tls_material *material, mw_error *err)
{
    mw_file file;
    BIO *reader;
    MW_TRY(open_pem(path, &file, &reader, err));
    mw_status status = MW_OK;
    material->certificate = PEM_read_bio_X509_AUX(reader, NULL, NULL, NULL);
    material->chain = sk_X509_new_null();
    if (!material->certificate && is_at_end())
        status = refuse_file(path, "the file holds no certificate", NULL,
                             "give a PEM file with '-----BEGIN CERTIFICATE-----' (from DER: "
                             "openssl x509 -inform der -in FILE -out FILE.pem)",
                             err);
    else if (!material->certificate)
        status = refuse_file(path, "the certificate is damaged", tls_last_reason(),
                             "write the file anew from what the authority gave", err);
    else if (!material->chain)
        status = mw_fail_memory(err, "a certificate chain");
    else
        status = read_chain(reader, path, material->chain, err);
    close_pem(&file, reader);
    return status;
}

/* Asked for the passphrase of an encrypted key: there is nobody to ask at a server's start. */
static int note_encrypted(char *text, int size, int for_writing, void *user)
{
    (void)text;
    (void)size;
    (void)for_writing;
    *(bool *)user = true;
    return -1;
}

static mw_status read_key(const char *path, tls_material *material, mw_error *err)
{
    mw_file file;
    BIO *reader;
    bool is_encrypted = false;
    MW_TRY(open_pem(path, &file, &reader, err));
    mw_status status = MW_OK;
    material->key = PEM_read_bio_PrivateKey(reader, NULL, note_encrypted, &is_encrypted);
    bool holds_one = file.size > 0 && memmem(file.data, file.size, "PRIVATE KEY-----", 16);
    if (!material->key && is_encrypted)
        status = refuse_file(path, "the key is encrypted", NULL,
                             "write it without a passphrase, readable by this user alone: openssl "
                             "pkey -in FILE -out FILE.plain",
                             err);
    else if (!material->key && !holds_one)
        status = refuse_file(path, "the file holds no private key", NULL,
                             "give a PEM file with '-----BEGIN PRIVATE KEY-----'", err);
    else if (!material->key)
        status = refuse_file(path, "the private key is damaged", tls_last_reason(),
                             "write the file anew", err);
    close_pem(&file, reader);
    return status;
}

static mw_status check_pair(const mw_tls_options *options, const tls_material *material,
                            mw_error *err)
{
    if (X509_check_private_key(material->certificate, material->key) == 1)
        return MW_OK;
    ERR_clear_error();
    char subject[256] = "the certificate";
    tls_certificate_name(material->certificate, subject, sizeof subject);
    mw_fail(err, MW_E_TLS_KEY_MISMATCH, "the key does not belong to the certificate");
    mw_at(err, "%s", options->key ? options->key : options->certificate);
    mw_why(err, "the certificate in %s is of %s, and of another key", options->certificate,
           subject);
    return mw_mend(err, "give the key that the certificate was made for; the server's own "
                        "certificate stands first in its file");
}

/* ---- authorities of clients ------------------------------------------------------------------ */

static mw_status put_authority(tls_material *material, X509_INFO *info, bool *has_list)
{
    if (info->crl) {
        *has_list = true;
        return X509_STORE_add_crl(material->authorities, info->crl) == 1 ? MW_OK : MW_NO_MEMORY;
    }
    if (!info->x509)
        return MW_OK; /* a key that stands there, too, is none of our business */
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(info->x509));
    if (!name || !sk_X509_NAME_push(material->authority_names, name)) {
        X509_NAME_free(name);
        return MW_NO_MEMORY;
    }
    return X509_STORE_add_cert(material->authorities, info->x509) == 1 ? MW_OK : MW_NO_MEMORY;
}

static mw_status put_authorities(const char *path, STACK_OF(X509_INFO) * infos,
                                 tls_material *material, mw_error *err)
{
    bool has_list = false;
    material->authorities = X509_STORE_new();
    material->authority_names = sk_X509_NAME_new_null();
    if (!material->authorities || !material->authority_names)
        return mw_fail_memory(err, "the authorities of clients");
    for (int i = 0; i < sk_X509_INFO_num(infos); i++)
        if (put_authority(material, sk_X509_INFO_value(infos, i), &has_list) != MW_OK)
            return refuse_file(path, "the authorities of clients cannot be used", tls_last_reason(),
                               "give a PEM file of certificates", err);
    if (has_list) /* who gives one means it */
        X509_STORE_set_flags(material->authorities, X509_V_FLAG_CRL_CHECK);
    if (sk_X509_NAME_num(material->authority_names) > 0)
        return MW_OK;
    return refuse_file(path, "the file holds no certificate", NULL,
                       "give a PEM file with the certificates of those who sign clients'", err);
}

/* A session that was agreed under other rules must not be resumed under these. */
static void digest_rules(const mw_tls_options *options, const mw_file *file, tls_material *material)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t clients = (uint8_t)options->clients;
    if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(digest, &clients, 1) != 1 ||
        (file && EVP_DigestUpdate(digest, file->data, file->size) != 1) ||
        EVP_DigestFinal_ex(digest, material->client_rules, NULL) != 1)
        memset(material->client_rules, clients, sizeof material->client_rules);
    EVP_MD_CTX_free(digest);
}

static mw_status read_authorities(const mw_tls_options *options, tls_material *material,
                                  mw_error *err)
{
    mw_file file;
    BIO *reader;
    if (options->clients == MW_TLS_CLIENTS_OFF) {
        digest_rules(options, NULL, material);
        return MW_OK;
    }
    const char *path = options->client_ca;
    MW_TRY(open_pem(path, &file, &reader, err));
    STACK_OF(X509_INFO) *infos = PEM_X509_INFO_read_bio(reader, NULL, NULL, NULL);
    mw_status status = infos
                           ? put_authorities(path, infos, material, err)
                           : refuse_file(path, "the authorities of clients are damaged",
                                         tls_last_reason(), "give a PEM file of certificates", err);
    digest_rules(options, &file, material);
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    close_pem(&file, reader);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

mw_status tls_material_read(const mw_tls_options *options, tls_material *ret_material,
                            mw_error *err)
{
    tls_material material = {.certificate = NULL};
    const char *key = options->key ? options->key : options->certificate;
    mw_status status = read_certificates(options->certificate, &material, err);
    if (status == MW_OK)
        status = read_key(key, &material, err);
    if (status == MW_OK)
        status = check_pair(options, &material, err);
    if (status == MW_OK)
        status = read_authorities(options, &material, err);
    if (status == MW_OK)
        *ret_material = material;
    else
        tls_material_done(&material);
    return status;
}

void tls_material_done(tls_material *material)
{
    X509_free(material->certificate);
    sk_X509_pop_free(material->chain, X509_free);
    EVP_PKEY_free(material->key);
    X509_STORE_free(material->authorities);
    sk_X509_NAME_pop_free(material->authority_names, X509_NAME_free);
    *material = (tls_material){.certificate = NULL};
}

/* ---- telling --------------------------------------------------------------------------------- */

static void append(char *text, size_t text_size, const char *more, size_t more_size)
{
    size_t used = strlen(text);
    size_t gap = used > 0 ? 2 : 0;
    if (used + gap + more_size + 1 > text_size)
        return;
    memcpy(text + used, ", ", gap);
    memcpy(text + used + gap, more, more_size);
    text[used + gap + more_size] = '\0';
}

static void append_name(char *text, size_t text_size, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS || name->type == GEN_URI || name->type == GEN_EMAIL) {
        const ASN1_STRING *value = name->d.ia5; /* the same member for all three */
        append(text, text_size, (const char *)ASN1_STRING_get0_data(value),
               (size_t)ASN1_STRING_length(value));
    } else if (name->type == GEN_IPADD) {
        char host[INET6_ADDRSTRLEN];
        int size = ASN1_STRING_length(name->d.iPAddress);
        if ((size == 4 || size == 16) &&
            inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress),
                      host, sizeof host))
            append(text, text_size, host, strlen(host));
    }
}

static void list_names(X509 *certificate, bool only_first, char *ret_names, size_t names_size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    ret_names[0] = '\0';
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        if (only_first && ret_names[0])
            break;
        append_name(ret_names, names_size, sk_GENERAL_NAME_value(names, i));
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}

bool tls_certificate_name(X509 *certificate, char *ret_name, size_t name_size)
{
    BIO *out = BIO_new(BIO_s_mem());
    const char *text;
    long size = 0;
    if (out && X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        size = BIO_get_mem_data(out, &text);
    bool named = size > 0;
    if (named)
        snprintf(ret_name, name_size, "%.*s", (int)size, text);
    else
        list_names(certificate, true, ret_name, name_size);
    BIO_free(out);
    ERR_clear_error();
    return ret_name[0] != '\0';
}

static int64_t wall_ms_of(const ASN1_TIME *time)
{
    struct tm parts = {0};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

static void write_date(int64_t wall_ms, char ret_text[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Is each certificate signed by the next one? */
static bool is_chain_whole(const tls_material *material)
{
    X509 *below = material->certificate;
    for (int i = 0; i < sk_X509_num(material->chain); i++) {
        X509 *above = sk_X509_value(material->chain, i);
        if (X509_check_issued(above, below) != X509_V_OK)
            return false;
        below = above;
    }
    return true;
}

void tls_material_describe(const tls_material *material, mw_tls_info *ret_info)
{
    mw_tls_info info = {.begin_ms = wall_ms_of(X509_get0_notBefore(material->certificate)),
                        .end_ms = wall_ms_of(X509_get0_notAfter(material->certificate))};
    char begin[32];
    int64_t now_ms = mw_clock_wall_ms();
    tls_certificate_name(material->certificate, info.subject, sizeof info.subject);
    list_names(material->certificate, false, info.names, sizeof info.names);
    write_date(info.end_ms, info.end_text);
    write_date(info.begin_ms, begin);
    if (now_ms > info.end_ms)
        snprintf(info.doubt, sizeof info.doubt, "it has expired on %s", info.end_text);
    else if (now_ms < info.begin_ms)
        snprintf(info.doubt, sizeof info.doubt, "it is not valid before %s", begin);
    else if (!is_chain_whole(material))
        snprintf(info.doubt, sizeof info.doubt,
                 "the certificates behind it in the file are not those that signed it, in order");
    else if (!info.names[0])
        snprintf(info.doubt, sizeof info.doubt,
                 "it has no subjectAltName, so today's clients will not take it");
    ERR_clear_error();
    *ret_info = info;
}
