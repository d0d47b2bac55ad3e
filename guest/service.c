// The table of calls: each name of agent.proto with what answers it and where that runs.
#include "guest/agent.h"
#include "guest/changes.h"
#include "guest/copy.h"
#include "guest/event.h"
#include "guest/files.h"
#include "guest/folder.h"
#include "guest/live_mount.h"
#include "guest/machine.h"
#include "guest/network.h"
#include "guest/process.h"
#include "guest/reclaim.h"
#include "guest/relay.h"
#include "guest/statistics.h"

// DIRECT answers at once on the loop, BLOCKING on a worker thread, LATER when something has happened.
#define DIRECT(function)                                          \
    static void open_##function(rpc_stream *stream, void *data) { \
        call_open_direct(stream, data, function);                 \
    }
#define BLOCKING(function)                                        \
    static void open_##function(rpc_stream *stream, void *data) { \
        call_open_blocking(stream, data, function);               \
    }
#define LATER(function)                                           \
    static void open_##function(rpc_stream *stream, void *data) { \
        call_open_later(stream, data, function);                  \
    }

LATER(machine_prepare)
DIRECT(machine_ping)
DIRECT(machine_set_time)
BLOCKING(machine_sysctl)
BLOCKING(machine_setup_emulator)
DIRECT(machine_setenv)
DIRECT(machine_getenv)
BLOCKING(machine_reset)
BLOCKING(machine_rescan)
BLOCKING(machine_eject)
BLOCKING(machine_sync)
LATER(machine_shutdown)
BLOCKING(files_mount)
BLOCKING(files_unmount)
BLOCKING(live_mount_add)
BLOCKING(live_mount_remove)
BLOCKING(changes_report)
BLOCKING(files_mkdir)
BLOCKING(files_write)
BLOCKING(files_stat)
BLOCKING(files_operation)
LATER(folder_list)
LATER(folder_read_file)
LATER(process_create)
LATER(process_start)
DIRECT(process_signal)
LATER(process_wait_exit)
DIRECT(relay_start)
DIRECT(relay_stop)
DIRECT(process_resize)
DIRECT(process_delete)
DIRECT(process_list_call)
BLOCKING(statistics_call)
BLOCKING(machine_set_limits)
BLOCKING(reclaim_call)
BLOCKING(network_call_link_set)
BLOCKING(network_call_address_add)
BLOCKING(network_call_route_add)
BLOCKING(network_call_dns)
BLOCKING(network_call_hosts)

#define METHOD(name, request, response, function) \
    { name, &holm__agent__v1__##request##__descriptor, &holm__agent__v1__##response##__descriptor, function }

static const rpc_method methods[] = {
    METHOD("Prepare", prepare_request, prepare_response, open_machine_prepare),
    METHOD("Reset", reset_request, empty, open_machine_reset),
    METHOD("Ping", ping_request, ping_response, open_machine_ping),
    METHOD("SetTime", set_time_request, empty, open_machine_set_time),
    METHOD("Sysctl", sysctl_request, empty, open_machine_sysctl),
    METHOD("SetupEmulator", setup_emulator_request, empty, open_machine_setup_emulator),
    METHOD("Setenv", setenv_request, empty, open_machine_setenv),
    METHOD("Getenv", getenv_request, getenv_response, open_machine_getenv),
    METHOD("Rescan", empty, empty, open_machine_rescan),
    METHOD("Eject", eject_request, empty, open_machine_eject),
    METHOD("Events", empty, event, event_open),
    METHOD("Sync", empty, empty, open_machine_sync),
    METHOD("Shutdown", shutdown_request, shutdown_response, open_machine_shutdown),
    METHOD("Mount", mount_request, empty, open_files_mount),
    METHOD("Unmount", unmount_request, empty, open_files_unmount),
    METHOD("MountAdd", mount_request, empty, open_live_mount_add),
    METHOD("MountRemove", mount_remove_request, empty, open_live_mount_remove),
    METHOD("ReportChanges", report_changes_request, report_changes_response, open_changes_report),
    METHOD("Mkdir", mkdir_request, empty, open_files_mkdir),
    METHOD("WriteFile", write_file_request, empty, open_files_write),
    METHOD("Stat", stat_request, stat_response, open_files_stat),
    METHOD("Copy", copy_message, copy_message, copy_open),
    METHOD("ListFolder", folder_request, folder_response, open_folder_list),
    METHOD("ReadFile", file_request, file_response, open_folder_read_file),
    METHOD("FilesystemOperation", filesystem_operation_request, filesystem_operation_response,
           open_files_operation),
    METHOD("CreateProcess", create_process_request, create_process_response, open_process_create),
    METHOD("StartProcess", process_request, start_process_response, open_process_start),
    METHOD("SignalProcess", signal_process_request, empty, open_process_signal),
    METHOD("WaitProcess", process_request, process_exit, open_process_wait_exit),
    METHOD("ResizeProcess", resize_process_request, empty, open_process_resize),
    METHOD("DeleteProcess", process_request, empty, open_process_delete),
    METHOD("ListProcesses", empty, list_processes_response, open_process_list_call),
    METHOD("Attach", attach_input, attach_output, process_attach_open),
    METHOD("Statistics", empty, statistics_response, open_statistics_call),
    METHOD("SetLimits", limits, empty, open_machine_set_limits),
    METHOD("ReclaimMemory", reclaim_memory_request, reclaim_memory_response, open_reclaim_call),
    METHOD("RelaySocket", relay_socket_request, relay_socket_response, open_relay_start),
    METHOD("StopRelay", stop_relay_request, empty, open_relay_stop),
    METHOD("LinkSet", interface, empty, open_network_call_link_set),
    METHOD("AddressAdd", address_request, empty, open_network_call_address_add),
    METHOD("RouteAdd", route_request, empty, open_network_call_route_add),
    METHOD("ConfigureDns", dns, empty, open_network_call_dns),
    METHOD("ConfigureHosts", hosts, empty, open_network_call_hosts),
};

const rpc_service agent_service = {"holm.agent.v1.Agent", methods, array_length(methods)};
