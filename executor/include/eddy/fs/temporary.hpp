// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/fs/file_call.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class TemporaryEntry;
}

/// `TemporaryFile::create({.prefix = "upload-"})`. The texts are copied by the call.
struct EDDY_VISIBLE TemporaryOptions {
    std::string_view directory = {};    ///< empty: that of the environment's TMPDIR, or /tmp
    std::string_view prefix = "eddy-";  ///< of its name; then come thirteen letters and digits
    std::string_view suffix = {};       ///< and this
    Executor* executor = nullptr;       ///< of making and of removing; null: `file_pool()`
};

/// `file.persist(path, {.mode = 0644})`.
struct EDDY_VISIBLE PersistOptions {
    bool replace = true;        ///< false: if there is something, that is EEXIST
    bool durable = false;       ///< true: synced, with its directory, before the call ends
    std::uint32_t mode = 0600;  ///< which permissions it gets; the umask does not count
};

/// A new file with a name of its own, which nobody else may open, and which is removed with this
/// object unless it was `persist`ed or `keep`t.
///
///     auto upload = co_await TemporaryFile::create({.directory = "/srv/files"});
///     co_await upload.file().write_at(0, bytes);
///     co_await upload.persist("/srv/files/42");
///
/// A file that is dropped on a loop is closed and removed by the executor, so the loop does not
/// wait; elsewhere, and when the loop is ending, at once. What goes wrong then, nobody hears:
/// `remove` says it. Somebody else may have removed it. In a forked child it is the parent's. What
/// kills the process leaves it behind.
///
/// Cancellation: of all three calls: queued, it did not happen; running, its result counts. A file
///               whose making nobody waits for any more is removed.
/// Lifetime:     the executor of the options outlives it.
class [[nodiscard]] EDDY_VISIBLE TemporaryFile final {
public:
    /// Throws: `IoError`; `std::invalid_argument` for a slash or a zero byte in the name.
    [[nodiscard]] EDDY_API static FileCall<TemporaryFile> create(
        const TemporaryOptions& options = {});

    /// Where it was made; absolute. Throws: `InvalidState` after a move.
    [[nodiscard]] EDDY_API std::filesystem::path path() const;
    /// Open to read and write, until this object goes; or longer, if it is moved out of here.
    [[nodiscard]] File& file() noexcept { return file_; }

    /// Renames it to what it is to be, in the same file system; from then on it stays. Failed, it
    /// is still temporary, with the permissions that it had.
    ///
    /// Throws: `IoError`; `InvalidState` for one that is temporary no more, or while another call
    ///         persists or removes it.
    [[nodiscard]] EDDY_API FileCall<void> persist(const std::filesystem::path& to,
                                                  const PersistOptions& options = {});
    /// Leaves it where it is; that is the path. Throws: `InvalidState`.
    EDDY_API std::filesystem::path keep();
    /// Removes it now. One that is no more is fine. Throws: as `persist`.
    [[nodiscard]] EDDY_API FileCall<void> remove();

private:
    friend class detail::TemporaryEntry;
    TemporaryFile(std::shared_ptr<detail::TemporaryEntry> entry, File file) noexcept
        : entry_(std::move(entry)), file_(std::move(file)) {}

    std::shared_ptr<detail::TemporaryEntry> entry_;  // with calls under way; null: moved from
    File file_;
};

/// The same for a directory, which goes with all that is in it. No link in it is followed.
///
///     const auto work = co_await TemporaryDirectory::create();
///     co_await replace_file(work.path() / "input", text);
class [[nodiscard]] EDDY_VISIBLE TemporaryDirectory final {
public:
    /// Throws: as for a file.
    [[nodiscard]] EDDY_API static FileCall<TemporaryDirectory> create(
        const TemporaryOptions& options = {});

    [[nodiscard]] EDDY_API std::filesystem::path path() const;
    /// Leaves it where it is; that is the path. Throws: `InvalidState`.
    EDDY_API std::filesystem::path keep();
    /// Removes it now, with all that is in it, which goes on to the end. One that is no more is
    /// fine. Failed, some may be left, and it is tried once more when this object goes.
    ///
    /// Throws: `IoError`; `InvalidState`.
    [[nodiscard]] EDDY_API FileCall<void> remove();

private:
    friend class detail::TemporaryEntry;
    explicit TemporaryDirectory(std::shared_ptr<detail::TemporaryEntry> entry) noexcept
        : entry_(std::move(entry)) {}

    std::shared_ptr<detail::TemporaryEntry> entry_;
};

}  // namespace eddy::inline v0_1
