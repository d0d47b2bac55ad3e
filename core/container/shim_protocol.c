#include "core/container/shim_protocol.h"

#define METHOD(name_, request_, response_)                                   \
    {                                                                        \
        .name = name_, .request = &holm__shim__v1__##request_##__descriptor, \
        .response = &holm__shim__v1__##response_##__descriptor,              \
    }

#define AGENT_METHOD(name_, request_, response_)                              \
    {                                                                         \
        .name = name_, .request = &holm__agent__v1__##request_##__descriptor, \
        .response = &holm__agent__v1__##response_##__descriptor,              \
    }

static const rpc_method methods[] = {
    METHOD("Start", start_request, start_response),
    METHOD("Status", empty, status_response),
    METHOD("Wait", empty, exit_status),
    METHOD("Stop", stop_request, exit_status),
    METHOD("Signal", signal_request, empty),
    METHOD("Attach", attach_input, attach_output),
    METHOD("Exec", exec_request, exec_response),
    METHOD("Sessions", empty, sessions_response),
    METHOD("Processes", empty, processes_response),
    METHOD("Snapshot", empty, empty),
    AGENT_METHOD("Copy", copy_message, copy_message),
    AGENT_METHOD("Stat", stat_request, stat_response),
    AGENT_METHOD("ListFolder", folder_request, folder_response),
    AGENT_METHOD("ReadFile", file_request, file_response),
    METHOD("Connect", connect_request, empty),
    METHOD("Disconnect", disconnect_request, empty),
    METHOD("Publish", publish_request, empty),
    METHOD("Unpublish", publish_request, empty),
    METHOD("Mount", mount_request, empty),
    METHOD("Unmount", unmount_request, empty),
    METHOD("Statistics", statistics_request, statistics_sample),
};

const rpc_service shim_protocol = {
    .name = "holm.shim.v1.Shim",
    .methods = methods,
    .method_count = array_length(methods),
};
