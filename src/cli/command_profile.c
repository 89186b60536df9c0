/* data profile: what the columns of a file are, for the watch, for drift checks and for people.
 *
 *     CSV file --> training profile --> JSON: standard output, --output, or beside a model of the
 *                                       record as millwright/profile.json */
#include "call.h"
#include "record_door.h"
#include "training_profile.h"

#include <math.h>

#define PROFILE_BYTES (64 * MW_MIB)

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status put(const cli_call *call, const mw_profile *profile, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, PROFILE_BYTES);
    mw_profile_write(profile, &out);
    mw_status status = out.failed ? mw_fail_memory(err, "the profile") : MW_OK;
    if (status == MW_OK && call->settings[CLI_PROFILE_MODEL].text)
        status = cli_keep_beside(call, call->settings[CLI_PROFILE_MODEL].text, MW_PROFILE_PATH,
                                 mw_buf_as_view(&out), err);
    if (status == MW_OK && call->settings[CLI_PROFILE_MODEL].text)
        cli_note(call, "%s is kept with %s: what serves it watches against it", MW_PROFILE_PATH,
                 call->settings[CLI_PROFILE_MODEL].text);
    if (status == MW_OK &&
        (!call->settings[CLI_PROFILE_MODEL].text || call->settings[CLI_OUTPUT].text))
        status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_data_profile(cli_call *call, mw_error *err)
{
    mw_profile profile;
    const cli_setting *settings = call->settings;
    cli_frame_file file = {.path = call->arguments[0]};
    cli_profile_wishes wishes = {settings[CLI_COLUMNS].text, settings[CLI_PROFILE_LABEL].text,
                                 settings[CLI_CATEGORICAL].text};
    mw_status status = cli_profile_read(&file, &wishes, &profile, err);
    if (status == MW_OK)
        status = put(call, &profile, err);
    mw_profile_done(&profile);
    cli_frame_file_done(&file);
    return status;
}
