// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/observer.hpp>

namespace eddy::testing {

/// While it lives, writes down from where the jobs of this loop say they come, and whether any job
/// says that it comes from, or waits in, another file than the test's.
class PlaceRecorder final : public Observer {
public:
    explicit PlaceRecorder(std::source_location test = std::source_location::current())
        : file_(test.file_name()) {
        Loop::current().add_observer(*this);
    }
    ~PlaceRecorder() override { Loop::current().remove_observer(*this); }

    [[nodiscard]] std::uint32_t hooks() const noexcept override { return spawned | steps | exited; }
    void job_spawned(const JobInfo& job) override {
        lines_.push_back(static_cast<int>(job.spawned.line()));
        look(job.spawned, "spawned");
    }
    void after_step(const JobInfo& job) override { look(job.at, "waiting"); }
    void job_exited(const JobInfo& job) override { look(job.spawned, "ended"); }

    /// The lines of the jobs since the last call, in order of their spawns.
    [[nodiscard]] std::vector<int> take_lines() { return std::exchange(lines_, {}); }
    /// The places elsewhere.
    [[nodiscard]] const std::string& foreign() const noexcept { return foreign_; }

private:
    void look(const std::source_location& place, std::string_view what) {
        if (std::string_view(place.file_name()) != file_) {
            foreign_ += std::string(what) + " at " + place.file_name() + ":" +
                        std::to_string(place.line()) + "\n";
        }
    }

    std::string file_;
    std::vector<int> lines_;
    std::string foreign_;
};

}  // namespace eddy::testing
