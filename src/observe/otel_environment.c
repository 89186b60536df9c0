/* Variables that every OpenTelemetry SDK reads.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
#include <stdlib.h>

#include "observe.h"

static const char *get(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL; /* empty is unset, says the specification */
}

static mw_status read_ratio(const char *text, double *ret_ratio, mw_error *err)
{
    double ratio = 1;
    const char *end = text ? mw_number_read(text, text + strlen(text), false, &ratio) : "";
    if (!end || *end || !(ratio >= 0 && ratio <= 1)) {
        mw_fail(err, MW_E_OTEL_ENVIRONMENT, "OTEL_TRACES_SAMPLER_ARG is '%s', no share of 0..1",
                text);
        return mw_mend(err, "write a number such as 0.01");
    }
    *ret_ratio = ratio;
    return MW_OK;
}

static mw_status read_sampler(mw_observer_options *options, mw_error *err)
{
    static const struct {
        const char *name;
        bool always;
        double sample; /* below 0: by the argument */
    } samplers[] = {
        {"always_on", true, 1},
        {"always_off", true, 0},
        {"traceidratio", true, -1},
        {"parentbased_always_on", false, 1},
        {"parentbased_always_off", false, 0},
        {"parentbased_traceidratio", false, -1},
    };
    const char *name = get("OTEL_TRACES_SAMPLER");
    for (size_t i = 0; name && i < MW_COUNT(samplers); i++) {
        if (strcmp(name, samplers[i].name) != 0)
            continue;
        options->trace_always = samplers[i].always;
        options->trace_sample = samplers[i].sample;
        return samplers[i].sample >= 0
                   ? MW_OK
                   : read_ratio(get("OTEL_TRACES_SAMPLER_ARG"), &options->trace_sample, err);
    }
    if (!name)
        return MW_OK;
    mw_fail(err, MW_E_OTEL_ENVIRONMENT, "OTEL_TRACES_SAMPLER is '%s', which is no sampler", name);
    return mw_mend(err, "use always_on, always_off, traceidratio, or parentbased_ before these");
}

mw_status mw_observer_options_environment(mw_observer_options *options, bool trace_sample_is_set,
                                          mw_error *err)
{
    const char *disabled = get("OTEL_SDK_DISABLED"), *base = get("OTEL_EXPORTER_OTLP_ENDPOINT");
    const char *traces = get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const char *exporter = get("OTEL_TRACES_EXPORTER");
    const char *headers = get("OTEL_EXPORTER_OTLP_TRACES_HEADERS");
    const char *certificate = get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE");
    if (!options->otlp_headers)
        options->otlp_headers = headers ? headers : get("OTEL_EXPORTER_OTLP_HEADERS");
    if (!options->otlp_certificate)
        options->otlp_certificate =
            certificate ? certificate : get("OTEL_EXPORTER_OTLP_CERTIFICATE");
    if (!options->service_name)
        options->service_name = get("OTEL_SERVICE_NAME");
    if (!options->resource_attributes)
        options->resource_attributes = get("OTEL_RESOURCE_ATTRIBUTES");
    bool is_off = (disabled && strcasecmp(disabled, "true") == 0) ||
                  (exporter && strcmp(exporter, "none") == 0);
    if (!options->otlp && !is_off)
        options->otlp = traces ? traces : base;
    return trace_sample_is_set ? MW_OK : read_sampler(options, err);
}
