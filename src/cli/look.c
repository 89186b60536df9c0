/* Looking at a record; see look.h. */
#include "look.h"

#include <unistd.h>

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

/* Not a file, but in the record. */
static bool is_address(const char *text)
{
    const char *slash = strrchr(text, '/');
    bool is_number = slash && slash[1] && strspn(slash + 1, "0123456789") == strlen(slash + 1);
    return access(text, F_OK) != 0 &&
           (mw_is_model_address(mw_view_of(text)) || is_number || strchr(text, '@') ||
            (slash && strcmp(slash, "/latest") == 0));
}

mw_status cli_model_place(const cli_call *call, const char *text, mw_registry **registry,
                          mw_arena *arena, const char **ret_path, mw_error *err)
{
    mw_buf address;
    *ret_path = text;
    if (!is_address(text))
        return MW_OK;
    if (!*registry)
        MW_TRY(cli_look(call, registry, err));
    mw_buf_init(&address, 4 * MW_KIB);
    mw_buf_text(&address, mw_is_model_address(mw_view_of(text)) ? "" : "models:/");
    mw_buf_text(&address, text);
    mw_status status =
        mw_registry_check_out(*registry, mw_buf_as_view(&address), arena, ret_path, err);
    mw_buf_done(&address);
    return status;
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
