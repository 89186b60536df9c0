/* model register: a model file, or folder, becomes a version in a server's record. */
#include "apply_changes.h"
#include "reach.h"
#include "register.h"

static mw_status show(cli_call *call, const cli_registration *made, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, 4 * MW_KIB);
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_text(&out, "{\"name\":");
        mw_json_write_text(&out, mw_view_of(made->name));
        mw_buf_format(&out, ",\"version\":%lld}\n", (long long)made->version);
    } else {
        mw_buf_format(&out, "%s/%lld\n", made->name, (long long)made->version);
    }
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_model_register(cli_call *call, mw_error *err)
{
    mw_dial *dial = NULL;
    mw_client *client = NULL;
    cli_registration what = {.name = call->arguments[0],
                             .path = call->arguments[1],
                             .alias = call->settings[CLI_ALIAS].text};
    mw_status status = cli_reach(call, NULL, &dial, err);
    if (status == MW_OK)
        status = mw_client_open_to(dial, CLI_ANSWER_MS, &client, err);
    if (status == MW_OK)
        status = cli_register(client, &call->arena, &what, err);
    mw_client_close(client);
    mw_dial_free(dial);
    return status == MW_OK ? show(call, &what, err) : status;
}
