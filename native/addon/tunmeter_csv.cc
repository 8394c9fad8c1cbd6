// The server's addon as one unit, like tunmeter.cc.
#include "addon/csv_addon.cc"
#include "addon/csv_lines.cc"
#include "engine/community_id.cc"
