// The small init of --init: PID 1 of the container's namespace, when its program is not made for that.
#pragma once

/// Forks. The child returns and goes on to run the program. The parent stays: it hands every signal on to the
/// child, reaps whatever is left to it, and ends as the child ends. `report` is closed in the parent.
void reaper_fork(int report);
