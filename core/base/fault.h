// Fault points: named steps at which a test can end the process as kill -9 would.
#pragma once

/// When the environment says HOLM_FAULT=NAME[:COUNT], kills this process with SIGKILL the COUNTth time
/// (default 1) the step NAME is reached. Costs a comparison when the variable is not there. Names are
/// "<verb>.<step>", for example "create.row-written"; every one is listed in tests/vm/faults.list, which a
/// test holds against the source.
void fault_point(const char *name);
