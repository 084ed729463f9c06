// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/observer.hpp>

namespace eddy::inline v0_1 {

/// The default observer: logs what nobody else would hear of through spdlog, logger "eddy".
///
/// It goes to standard error, by a sink that never waits for it: while a pipe or a terminal takes
/// nothing, 64 KiB of messages are kept, then whole messages are dropped, counted, and told of when
/// there is room again. What is kept is tried again with every message, while a loop turns, at a
/// loop's end and once when the process exits. Descriptor 2 is followed when it is replaced.
///
/// Levels: failures and jobs that outlast the grace are errors, handlers that a server left alone
/// are warnings, connections whose peer went away are debug lines, which the logger's default level
/// leaves out: `spdlog::get("eddy")->set_level(spdlog::level::debug)`, once it is there.
///
/// Rate: of one kind (where it happened and the type of what was thrown, with its error code) ten
/// messages a second are said, of what one call or one shortage brings by the thousand one; the
/// others are counted, and told of in one line: "... and 2990 more of this kind: connection
/// handler, std::runtime_error". Texts above 16 KiB are cut.
///
/// Register your own logger of that name before the first loop to redirect or silence it: levels,
/// sinks and whether it may block are yours then, the rate is the same. Or `set_log` (set_log.hpp),
/// which goes before spdlog, and is all there is in a library without it (EDDY_LOG=OFF).
class EDDY_API LogObserver final : public Observer {
public:
    void failure(const JobInfo& job, std::exception_ptr error, std::string_view where) override;
    void connection_lost(const JobInfo& job, std::exception_ptr error) override;
    void job_left(const JobInfo& job, std::string_view backtrace) override;
    void job_abandoned(const JobInfo& job, std::string_view backtrace) override;
};

}  // namespace eddy::inline v0_1
