// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

#include <eddy/job_info.hpp>

namespace eddy::inline v0_1::detail {

class Job;
class LoopCore;

/// The jobs that outlast the grace of their loop, from then on until it is known what became of
/// each: what they are reported with, after the fact and once.
///
/// Lifetime: within one step of the loop's end; the core knows it meanwhile.
class AbandonedJobs final {
public:
    /// Writes down where every job stands, before anything is done to it.
    explicit AbandonedJobs(LoopCore& core) noexcept;
    AbandonedJobs(const AbandonedJobs&) = delete;
    AbandonedJobs& operator=(const AbandonedJobs&) = delete;
    ~AbandonedJobs();

    /// The waits have been severed: notes whose.
    void note_cut_off() noexcept;

    /// `job` has ended by itself. If it failed with nothing but what cut it off, its report says
    /// so already: nobody needs to hear of that failure by another way.
    void ended(Job& job) noexcept;
    [[nodiscard]] bool explain(const Job& job, const std::exception_ptr& error) const noexcept;

    /// Tells the observers of each. Those that live on are about to be destroyed; among them may be
    /// some that were spawned meanwhile.
    void report() noexcept;

private:
    struct Entry {
        JobInfo info;  // its strings are the ones below
        std::string name;
        std::string waiting_for;
        std::string backtrace;
    };

    void add(const Job& job);
    void tell(Entry& entry) noexcept;
    void tell(const Job& job) noexcept;

    LoopCore& core_;
    std::vector<Entry> entries_;  // parents before children
    std::unordered_map<JobId, std::size_t> by_id_;
};

}  // namespace eddy::inline v0_1::detail
