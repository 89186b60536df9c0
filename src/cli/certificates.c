/* Settings -> mw_tls; its reload, and what the log says of it. */
#include "certificates.h"

static const cli_option_id tls_options[] = {CLI_TLS_KEY, CLI_TLS_CLIENTS, CLI_TLS_CLIENT_CA,
                                            CLI_TLS_MIN_VERSION};

static mw_status refuse_orphan(const cli_call *call, mw_error *err)
{
    for (size_t i = 0; i < MW_COUNT(tls_options); i++) {
        const cli_setting *setting = &call->settings[tls_options[i]];
        if (setting->origin == CLI_FROM_DEFAULT || !setting->text)
            continue;
        mw_fail(err, MW_E_TLS_OPTION, "%s is given without a certificate", setting->place);
        return mw_mend(err, "add --tls-certificate FILE, or tls: certificate: FILE");
    }
    return MW_OK;
}

static void tell(const mw_tls *tls, const char *verb)
{
    mw_tls_info info;
    mw_tls_describe(tls, &info);
    mw_log(MW_LOG_INFO, "%s the certificate of %s (%s), valid until %s", verb,
           info.subject[0] ? info.subject : "nobody", info.names, info.end_text);
    if (info.doubt[0])
        mw_log(MW_LOG_WARN, "clients may refuse the certificate: %s", info.doubt);
}

mw_status cli_tls_open(const cli_call *call, mw_tls **ret_tls, mw_error *err)
{
    mw_tls_options options = {
        .certificate = call->settings[CLI_TLS_CERTIFICATE].text,
        .key = call->settings[CLI_TLS_KEY].text,
        .clients = (mw_tls_clients)call->settings[CLI_TLS_CLIENTS].number,
        .client_ca = call->settings[CLI_TLS_CLIENT_CA].text,
        .only_1_3 = call->settings[CLI_TLS_MIN_VERSION].number == 1,
    };
    *ret_tls = NULL;
    if (!options.certificate)
        return refuse_orphan(call, err);
    mw_status status = mw_tls_new(&options, ret_tls, err);
    if (status == MW_OK)
        tell(*ret_tls, "loaded");
    else if (err->code == MW_E_TLS_OPTION)
        mw_mend(err, "add --tls-client-ca FILE, the certificate of who signed those of clients");
    return status;
}

void cli_tls_reload(mw_tls *tls)
{
    mw_error err;
    if (!tls)
        return;
    if (mw_tls_reload(tls, &err) == MW_OK)
        tell(tls, "reloaded");
    else
        mw_log_error(MW_LOG_ERROR, "the certificate stays as it was", &err);
}

void cli_tls_look(mw_tls *tls)
{
    if (tls && mw_tls_has_changed(tls))
        cli_tls_reload(tls);
}

bool cli_tls_knows_clients(const cli_call *call)
{
    return call->settings[CLI_TLS_CERTIFICATE].text &&
           call->settings[CLI_TLS_CLIENTS].number == MW_TLS_CLIENTS_REQUIRED;
}
