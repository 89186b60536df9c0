/* Looking at a record; see look.h. */
#include "look.h"

#include "members.h"

mw_status cli_look(const cli_call *call, mw_registry **ret_registry, mw_error *err)
{
    const char *folder = call->settings[CLI_RECORD].text;
    if (folder)
        return mw_registry_look(folder, ret_registry, err);
    mw_fail(err, MW_E_NO_RECORD, "no record is named");
    return mw_mend(err, "mw %s --record DIR, the folder of 'mw serve --record DIR'",
                   call->command->name);
}

const char *cli_kinship_words(mw_kinship kinship)
{
    static const char *const words[MW_N_KINSHIPS] = {
        [MW_SAME_FILES] = "the same files",
        [MW_SAME_DATA] = "made from the same data",
        [MW_SAME_CODE] = "made by the same code",
        [MW_MADE_FROM_IT] = "its run has read this version",
        [MW_IT_IS_MADE_FROM] = "this version's run has read it",
    };
    return words[kinship];
}

const char *cli_run_status_name(mw_run_status status)
{
    static const char *const names[] = {"NONE",     "RUNNING", "SCHEDULED",
                                        "FINISHED", "FAILED",  "KILLED"};
    return (unsigned)status < MW_COUNT(names) ? names[status] : "NONE";
}

void cli_write_libraries(const mw_passport *passport, mw_buf *out)
{
    cli_member(out, "libraries");
    mw_buf_char(out, '{');
    for (size_t i = 0; i < passport->libraries.count; i++) {
        cli_member_comma(out);
        mw_json_write_text(out, passport->libraries.items[i].name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, passport->libraries.items[i].version);
    }
    mw_buf_char(out, '}');
}
