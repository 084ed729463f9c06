// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file_status.hpp>
#include <eddy/offload.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class TreeReader;
}

/// One file or directory in a tree.
struct EDDY_VISIBLE WalkEntry {
    std::string path;                   ///< with the root's in front, as that was given; bytes
    FileKind kind = FileKind::unknown;  ///< of a symlink that is not followed: `symlink`
    std::size_t depth = 0;              ///< 0: in the root itself
    /// Of a directory, why it, or the rest of it, is not read; else why no status is here. What it
    /// is about may have gone (`ENOENT`), become something else (`ENOTDIR`, `ELOOP`), been moved
    /// away (`ESTALE`), or be a directory that it is in itself (`ELOOP`).
    std::error_code error;
    std::optional<FileStatus> status;  ///< if asked for

    [[nodiscard]] std::string_view name() const noexcept {
        return std::string_view(path).substr(path.rfind('/') + 1);
    }
    [[nodiscard]] bool is_directory() const noexcept { return kind == FileKind::directory; }
};

/// `walk(root, {.status = true})`.
struct EDDY_VISIBLE WalkOptions {
    static constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

    bool follow = false;           ///< symlinks: what they lead to; one that leads nowhere, itself
    bool status = false;           ///< a further system call for each entry
    bool one_file_system = false;  ///< enters no directory of another one than the root's
    std::size_t max_depth = no_limit;  ///< enters no directory of that depth; 0: none
    Executor* executor = nullptr;      ///< null: `file_pool()`
};

/// All that is below a directory: what `walk` returns.
///
///     DirectoryWalk entries = walk("/srv", {.status = true});
///     while (const auto entry = co_await entries.next()) {
///         total += entry->status ? entry->status->size : 0;
///     }
///
/// A directory comes before what is in it. No path is looked up twice: each directory is opened by
/// its name in the one above, without following a symlink unless told to, so that nobody leads the
/// walk out of the tree by exchanging one for the other. What is made, moved or removed meanwhile
/// may come or not; everything else comes, once. What cannot be read is no end: an entry says so.
///
/// Order:     a directory's own, which is none.
/// Lifetime:  may go at any time. One whose call was left alone (at the end of its loop, by a
///            `select` that threw) is busy until that has ended; nothing is lost by that either.
/// Cost:      a hop to the pool for 256 entries, which are read ahead. Memory: those; a buffer of
///            32 KiB for each open directory, 30 at most; of directories further up in deeper
///            trees, the names that have not come yet.
class EDDY_API DirectoryWalk final {
public:
    class Next;

    /// Use `walk`.
    explicit DirectoryWalk(std::shared_ptr<detail::TreeReader> reader) noexcept;
    DirectoryWalk(DirectoryWalk&&) noexcept;
    DirectoryWalk& operator=(DirectoryWalk&&) noexcept;
    ~DirectoryWalk();

    /// The next entry; empty at the end. For one job at a time.
    ///
    /// Throws:       `IoError` when the root cannot be read: the next call tries again, if it was
    ///               its beginning, else it is the end. `BusyResource`; what `run_in_executor`
    ///               throws; `std::bad_alloc`, after which it is the end.
    /// Cancellation: what has been read stays here for the next call: nothing is lost. A call that
    ///               runs is asked to stop, which it does after an entry, and awaited.
    [[nodiscard]] Next next();

    /// Nothing that is in the directory which came last shall come, nor be read if it has not been
    /// yet. Does nothing if what came last is none. Throws: `BusyResource`.
    void skip_directory();

private:
    std::shared_ptr<detail::TreeReader> reader_;
};

/// See `DirectoryWalk::next`.
class [[nodiscard]] EDDY_API DirectoryWalk::Next final : public detail::OffloadWait {
public:
    explicit Next(std::shared_ptr<detail::TreeReader> reader) noexcept;
    ~Next() override;

    [[nodiscard]] bool try_now();
    void start();
    std::optional<WalkEntry> take();
    [[nodiscard]] const char* what() const noexcept override { return "DirectoryWalk::next"; }

private:
    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;
    void over() noexcept;
    void leave() noexcept;

    std::shared_ptr<detail::TreeReader> reader_;
    bool called_ = false;  // in the latest await
};

/// Walks through the tree below `root`, which may itself be a symlink to a directory. Nothing
/// happens until `next` is awaited. Throws: `std::invalid_argument` for a path with a zero byte.
[[nodiscard]] EDDY_API DirectoryWalk walk(const std::filesystem::path& root,
                                          const WalkOptions& options = {});

}  // namespace eddy::inline v0_1
