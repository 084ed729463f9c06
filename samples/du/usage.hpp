// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <eddy/fs/file_status.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/task.hpp>

#include "options.hpp"

/// Measures trees, and prints each directory when all that is below it is known.
class Usage final {
public:
    explicit Usage(const Options& options) : options_(options) {}

    /// What the command line names: a tree, or a file.
    eddy::Task<> measure(std::string path);
    /// Something could not be read.
    [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
    /// Where one is.
    struct Place {
        std::string path;
        eddy::FileStatus status;
        std::size_t depth = 0;
        std::uint64_t device = 0;  // the tree's
    };

    /// What it takes with all that is below.
    eddy::Task<std::uint64_t> directory(Place place);
    eddy::Task<> beside(Place place, eddy::Permit permit, std::uint64_t& total);

    /// False: it has been counted, by another name.
    bool is_new(const eddy::FileStatus& status);
    [[nodiscard]] std::uint64_t size_of(const eddy::FileStatus& status) const;
    void print(std::uint64_t size, std::string_view path) const;
    void complain(std::string_view what, std::string_view path, const std::error_code& why);

    const Options& options_;
    eddy::Semaphore jobs_{8};
    std::set<std::pair<std::uint64_t, std::uint64_t>> counted_;  // device and inode
    bool failed_ = false;
};
