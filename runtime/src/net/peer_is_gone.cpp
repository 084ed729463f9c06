// SPDX-License-Identifier: MIT
#include "peer_is_gone.hpp"

#include <algorithm>
#include <system_error>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

namespace eddy::detail {

bool peer_is_gone(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const IoError& failed) {
        const std::error_code& code = failed.code();
        return code == std::errc::connection_reset || code == std::errc::connection_aborted ||
               code == std::errc::broken_pipe || code == std::errc::not_connected ||
               code == std::errc::timed_out;
    } catch (const BrokenBarrier&) {
        return false;  // among jobs
    } catch (const BrokenResource&) {
        return true;
    } catch (const EndOfStream&) {
        return true;
    } catch (const ExceptionGroup& group) {
        const auto& failures = group.exceptions();
        return !failures.empty() && std::all_of(failures.begin(), failures.end(), peer_is_gone);
    } catch (...) {
        return false;
    }
}

}  // namespace eddy::detail
