"""The seccomp filter: which calls the kernel no longer takes from the process that holds an upload."""

from __future__ import annotations

import errno
import os
import struct
import sys

# Numbers of the calls on x86_64 and aarch64; a dash where the machine has none of that name.
_DENIED = """
fork 57 -  vfork 58 -  execve 59 221  execveat 322 281
setsid 112 157  setpgid 109 154  unshare 272 97  setns 308 268  personality 135 92
socket 41 198  socketpair 53 199  connect 42 203  bind 49 200  listen 50 201  accept 43 202  accept4 288 242
sendto 44 206  sendmsg 46 211  sendmmsg 307 269  recvmsg 47 212  recvmmsg 299 243
ptrace 101 117  process_vm_readv 310 270  process_vm_writev 311 271  kcmp 312 272
tkill 200 130  rt_sigqueueinfo 129 138  rt_tgsigqueueinfo 297 240
setpriority 141 140  ioprio_set 251 30  migrate_pages 256 238  move_pages 279 239
sched_setparam 142 118  sched_setscheduler 144 119  sched_setaffinity 203 122  sched_setattr 314 274
bpf 321 280  perf_event_open 298 241  userfaultfd 323 282  seccomp 317 277  io_setup 206 0  io_submit 209 2
add_key 248 217  request_key 249 218  keyctl 250 219
init_module 175 105  finit_module 313 273  delete_module 176 106  kexec_load 246 104  kexec_file_load 320 294
mount 165 40  umount2 166 39  pivot_root 155 41  chroot 161 51  swapon 167 224  swapoff 168 225
acct 163 89  quotactl 179 60  syslog 103 116  reboot 169 142  vhangup 153 58  lookup_dcookie 212 18
fanotify_init 300 262  name_to_handle_at 303 264  open_by_handle_at 304 265
sethostname 170 161  setdomainname 171 162
settimeofday 164 170  clock_settime 227 112  clock_adjtime 305 266  adjtimex 159 171
iopl 172 -  ioperm 173 -  modify_ldt 154 -  uselib 134 -
shmget 29 194  shmctl 31 195  shmat 30 196  semget 64 190  semctl 66 191  semop 65 193  semtimedop 220 192
msgget 68 186  msgctl 71 187  msgrcv 70 188  msgsnd 69 189  mq_open 240 180  mq_unlink 241 181  memfd_create 319 279
creat 85 -  truncate 76 45  ftruncate 77 46  mknod 133 -  mknodat 259 33  mkdir 83 -  mkdirat 258 34  rmdir 84 -
rename 82 -  renameat 264 38  renameat2 316 276  unlink 87 -  unlinkat 263 35
link 86 -  linkat 265 37  symlink 88 -  symlinkat 266 36
chmod 90 -  fchmod 91 52  fchmodat 268 53  chown 92 -  lchown 94 -  fchown 93 55  fchownat 260 54
utime 132 -  utimes 235 -  futimesat 261 -  utimensat 280 88
setxattr 188 5  lsetxattr 189 6  fsetxattr 190 7  removexattr 197 14  lremovexattr 198 15  fremovexattr 199 16
"""
_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# From this number on all machines number alike. Newer calls are refused unless they stand here, so that a kernel of
# tomorrow opens no door; glibc falls back from clone3 to clone, whose flags can be seen.
_NEWER = 424
# close_range, faccessat2, epoll_pwait2, futex_waitv, map_shadow_stack, futex_wake, futex_wait, futex_requeue, mseal
_NEWER_ALLOWED = (436, 439, 441, 449, 453, 454, 455, 456, 462)
_X32 = 0x40000000

_CLONE_THREAD = 0x10000
_WRITES = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
# Setting the owner or the signal of a descriptor would send signals past kill().
_FCNTL_DENIED = (8, 10, 15)
# TCGETS, TCGETS2, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTL_ALLOWED = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PR_SET_PDEATHSIG = 1

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16


def number(name: str, machine: str) -> int | None:
    """The number of a denied call; None if the machine has none."""
    return _numbers(machine).get(name)


def program(machine: str, own: int) -> bytes:
    """The filter for the process ``own``, as an array of ``struct sock_filter``.

    Raises:
        ValueError: the machine is neither x86_64 nor aarch64, or this Python is one of 32 bits.
    """
    if machine not in _MACHINES or sys.maxsize < 1 << 32:
        raise ValueError(f"no filter is written for {machine}")
    x86 = machine == "x86_64"
    code = _step(_LOAD, _MACHINE_AT) + _unless(_EQUAL, _MACHINES[machine], _KILL) + _step(_LOAD, _NUMBER_AT)
    if x86:
        code += _if(_AT_LEAST, _X32, _KILL)
    newer = b"".join(_if(_EQUAL, call, _ALLOW) for call in _NEWER_ALLOWED) + _return(_ERRNO | errno.ENOSYS)
    code += _block(_AT_LEAST, _NEWER, newer)
    for call in _numbers(machine).values():
        code += _if(_EQUAL, call, _ERRNO | errno.EPERM)

    def judged(call: int, argument: int, test: bytes, otherwise: int) -> bytes:
        return _block(_EQUAL, call, _step(_LOAD, _ARGUMENTS_AT + 8 * argument) + test + _return(otherwise))

    refuse, writes = _ERRNO | errno.EPERM, _if(_ANY_BIT, _WRITES, _ERRNO | errno.EACCES)
    itself = _if(_EQUAL, own, _ALLOW)
    code += judged(56 if x86 else 220, 0, _if(_ANY_BIT, _CLONE_THREAD, _ALLOW), refuse)
    code += judged(62 if x86 else 129, 0, itself, refuse)  # kill
    code += judged(234 if x86 else 131, 0, itself, refuse)  # tgkill
    code += judged(302 if x86 else 261, 0, itself + _if(_EQUAL, 0, _ALLOW), refuse)  # prlimit64
    code += judged(157 if x86 else 167, 0, _if(_EQUAL, _PR_SET_PDEATHSIG, refuse), _ALLOW)  # prctl
    code += judged(72 if x86 else 25, 1, b"".join(_if(_EQUAL, n, refuse) for n in _FCNTL_DENIED), _ALLOW)
    ioctls = b"".join(_if(_EQUAL, request, _ALLOW) for request in _IOCTL_ALLOWED)
    code += judged(16 if x86 else 29, 1, ioctls, _ERRNO | errno.ENOTTY)
    code += judged(257 if x86 else 56, 2, writes, _ALLOW)  # openat
    if x86:
        code += judged(2, 1, writes, _ALLOW)  # open
    return code + _return(_ALLOW)


def _numbers(machine: str) -> dict[str, int]:
    words = _DENIED.split()
    column = 1 if machine == "x86_64" else 2
    return {words[at]: int(words[at + column]) for at in range(0, len(words), 3) if words[at + column] != "-"}


def _step(operation: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, operand)


def _return(action: int) -> bytes:
    return _step(_RETURN, action)


def _if(test: int, operand: int, action: int) -> bytes:
    return _block(test, operand, _return(action))


def _unless(test: int, operand: int, action: int) -> bytes:
    return _step(test, operand, 1, 0) + _return(action)


def _block(test: int, operand: int, inside: bytes) -> bytes:
    return _step(test, operand, 0, len(inside) // 8) + inside
