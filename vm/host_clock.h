// The speed of the host's time stamp counter.
#pragma once

/// Its frequency in kHz, measured over two milliseconds; 0 where there is none (not x86). An emulated guest
/// reads the host's counter and cannot measure it well itself.
unsigned long host_clock_khz(void);
