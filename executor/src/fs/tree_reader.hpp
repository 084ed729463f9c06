// SPDX-License-Identifier: MIT
#pragma once

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
/// Shared by the walk, the operations on it and the call that reads on. As long as one runs, all of
/// it is the call's, but for `busy`, which says so; otherwise it is the loop's.
class TreeReader final {
public:
    TreeReader(std::string root, const WalkOptions& options)
        : options_(options), root_(std::move(root)) {}

    /// Somebody takes an entry, or a call reads.
    [[nodiscard]] bool busy() const noexcept { return busy_; }
    void set_busy(bool busy) noexcept { busy_ = busy; }
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
    /// 0: in it, or it is not to be entered. Else an errno.
    [[nodiscard]] int enter(const char* name, const Look& look);
    void add(std::string_view name, const Look& look);
    void add_failed(std::string_view path, std::size_t depth, int error);
    [[nodiscard]] bool is_full() const noexcept;

    static constexpr std::size_t nothing = WalkOptions::no_limit;

    const WalkOptions options_;
    const std::string root_;
    std::unique_ptr<DirectoryChain> chain_;  // from its first entry to its last
    bool ended_ = false;
    bool busy_ = false;
    std::exception_ptr failure_;  // comes after the entries
    std::size_t last_depth_ = nothing;
    std::size_t skipped_ = nothing;  // until one comes that is not deeper

    std::size_t taken_ = 0;  // of `records_`
    std::vector<Record> records_;
    std::vector<std::optional<FileStatus>> statuses_;  // as many as records, if asked for
    std::string paths_;
};

}  // namespace eddy::inline v0_1::detail
