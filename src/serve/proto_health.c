/* health.proto and reflection.proto of gRPC */
#include "proto.h"

/* Indented by what contains what. */
/* clang-format off */
static const proto_row health[] = {
    MESSAGE("HealthCheckRequest"),
        FIELD(1, "service", STRING),
    END,
    MESSAGE("HealthCheckResponse"),
        ENUMERATION("ServingStatus"),
            VALUE(0, "UNKNOWN"),
            VALUE(1, "SERVING"),
            VALUE(2, "NOT_SERVING"),
            VALUE(3, "SERVICE_UNKNOWN"),
        END,
        FIELD_OF(1, "status", ENUM, "HealthCheckResponse.ServingStatus"),
    END,
    MESSAGE("HealthListRequest"),
    END,
    MESSAGE("HealthListResponse"),
        MAP_OF(1, "statuses", STRING, "HealthCheckResponse"),
    END,
    SERVICE("Health"),
        CALL("Check", "HealthCheckRequest", "HealthCheckResponse"),
        CALL("List", "HealthListRequest", "HealthListResponse"),
        ANSWERS_STREAM("Watch", "HealthCheckRequest", "HealthCheckResponse"),
    END,
};

/* The same in both versions but for the package. */
static const proto_row reflection[] = {
    MESSAGE("ServerReflectionRequest"),
        FIELD(1, "host", STRING),
        ONEOF("message_request"),
            FIELD(3, "file_by_filename", STRING),
            FIELD(4, "file_containing_symbol", STRING),
            FIELD_OF(5, "file_containing_extension", MESSAGE, "ExtensionRequest"),
            FIELD(6, "all_extension_numbers_of_type", STRING),
            FIELD(7, "list_services", STRING),
        END,
    END,
    MESSAGE("ExtensionRequest"),
        FIELD(1, "containing_type", STRING),
        FIELD(2, "extension_number", INT32),
    END,
    MESSAGE("ServerReflectionResponse"),
        FIELD(1, "valid_host", STRING),
        FIELD_OF(2, "original_request", MESSAGE, "ServerReflectionRequest"),
        ONEOF("message_response"),
            FIELD_OF(4, "file_descriptor_response", MESSAGE, "FileDescriptorResponse"),
            FIELD_OF(5, "all_extension_numbers_response", MESSAGE, "ExtensionNumberResponse"),
            FIELD_OF(6, "list_services_response", MESSAGE, "ListServiceResponse"),
            FIELD_OF(7, "error_response", MESSAGE, "ErrorResponse"),
        END,
    END,
    MESSAGE("FileDescriptorResponse"),
        REPEATED(1, "file_descriptor_proto", BYTES),
    END,
    MESSAGE("ExtensionNumberResponse"),
        FIELD(1, "base_type_name", STRING),
        REPEATED(2, "extension_number", INT32),
    END,
    MESSAGE("ListServiceResponse"),
        REPEATED_OF(1, "service", MESSAGE, "ServiceResponse"),
    END,
    MESSAGE("ServiceResponse"),
        FIELD(1, "name", STRING),
    END,
    MESSAGE("ErrorResponse"),
        FIELD(1, "error_code", INT32),
        FIELD(2, "error_message", STRING),
    END,
    SERVICE("ServerReflection"),
        STREAMS("ServerReflectionInfo", "ServerReflectionRequest", "ServerReflectionResponse"),
    END,
};
/* clang-format on */

const proto_file proto_health = {
    .name = "grpc/health/v1/health.proto",
    .package = "grpc.health.v1",
    .rows = health,
    .n_rows = MW_COUNT(health),
};

const proto_file proto_reflection = {
    .name = "grpc/reflection/v1/reflection.proto",
    .package = "grpc.reflection.v1",
    .rows = reflection,
    .n_rows = MW_COUNT(reflection),
};

const proto_file proto_reflection_alpha = {
    .name = "grpc/reflection/v1alpha/reflection.proto",
    .package = "grpc.reflection.v1alpha",
    .rows = reflection,
    .n_rows = MW_COUNT(reflection),
};
