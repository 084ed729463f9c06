// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include <eddy/fs/walk.hpp>

#include "fs/directory_chain.hpp"
#include "fs/directory_reader.hpp"

namespace eddy::inline v0_1::detail {

/// A walk: where it is in its tree, and what it has read ahead.
///
/// Shared by the walk, the operations on it and the call that reads on.
///
/// | field     | who may touch it                                                       |
/// |-----------|------------------------------------------------------------------------|
/// | reading_  | the loop sets it before it submits a call, which clears it as the last |
/// |           | it does; the loop, if that has not run, or was not let                 |
/// | claimed_  | the loop                                                               |
/// | all else  | while reading_ is set, the call; else the loop                         |
class TreeReader final {
public:
    TreeReader(std::string root, const WalkOptions& options)
        : options_(options), root_(std::move(root)) {}

    /// Somebody waits for an entry or has one to take, or a call that nobody waits for any more
    /// has not ended yet.
    [[nodiscard]] bool busy() const noexcept {
        return claimed_ || reading_.load(std::memory_order_acquire);  // what the call has left
    }
    void claim(bool claimed) noexcept { claimed_ = claimed; }
    void set_reading(bool reading) noexcept { reading_.store(reading, std::memory_order_release); }
    [[nodiscard]] Executor* executor() const noexcept { return options_.executor; }

    /// There is something to take: an entry, a failure, or the end. Drops what is to be skipped.
    [[nodiscard]] bool has_next() noexcept;
    /// Throws: what went wrong, once.
    [[nodiscard]] std::optional<WalkEntry> take();
    void skip_directory() noexcept;

    /// The call: reads on, if there is nothing to take. Throws: `CallStopped`; nothing is lost.
    void read_on();

private:
    struct Record {
        std::size_t end;  // of its path, in `paths_`
        std::size_t depth;
        FileKind kind;
        int error;
    };
    /// What is looked up of an entry.
    struct Look {
        FileKind kind;
        int error = 0;
        bool known = false;  // `status` is
        struct stat status = {};
    };

    void open_root();
    void step();
    void come_up();
    void visit(const DirectoryReader::Found& found);
    /// False: it is gone.
    [[nodiscard]] bool look_at(const char* name, Look& look) const noexcept;
    [[nodiscard]] bool is_elsewhere(const char* name) const noexcept;
    /// 0: in it, or it is not to be entered. Else an errno.
    [[nodiscard]] int enter(const char* name, const Look& look);
    void add(std::string_view name, const Look& look);
    void add_failed(std::string_view path, std::size_t depth, int error);
    [[nodiscard]] bool is_full() const noexcept;

    static constexpr std::size_t nothing = WalkOptions::no_limit;

    std::atomic<bool> reading_{false};
    bool claimed_ = false;
    const WalkOptions options_;
    const std::string root_;
    std::unique_ptr<DirectoryChain> chain_;  // from its first entry to its last
    bool ended_ = false;
    std::exception_ptr failure_;  // comes after the entries
    std::size_t last_depth_ = nothing;
    std::size_t skipped_ = nothing;  // until one comes that is not deeper

    std::size_t taken_ = 0;  // of `records_`
    std::vector<Record> records_;
    std::vector<std::optional<FileStatus>> statuses_;  // as many as records, if asked for
    std::string paths_;
};

}  // namespace eddy::inline v0_1::detail
