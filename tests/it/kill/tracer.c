/*
 * Runs a program with all its child processes, and kills all of them before the n-th system call that changes
 * something: a file, a folder, or the input of another process.
 *
 *     tracer N REPORT PROGRAM [ARGUMENT...]
 *
 * N is 0 to let it run to its end. One line is written to REPORT: `killed N CALL` or `ended N`, where N is the number
 * of such calls. The server processes (git-receive-pack, git-upload-pack and their children) stay alive, as a server
 * does when a client dies: they see the end of their input, and this program waits for them.
 *
 * Linux 5.3 or later: PTRACE_GET_SYSCALL_INFO is the same on every processor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

#define MOST 4096

/* A traced thread. */
struct traced {
  pid_t id;
  int is_server;
  int is_known;   /* 1: its parent's fork was seen; 2: its initial stop as well */
  int is_waiting; /* it has stopped before its parent's fork was seen */
};

static struct traced threads[MOST];
static int count;
static FILE *report;
static long calls;
static int is_over; /* all processes except servers were killed */

static struct traced *find(pid_t id) {
  for (int i = 0; i < count; i++)
    if (threads[i].id == id)
      return &threads[i];
  if (count == MOST) {
    fprintf(stderr, "tracer: too many threads\n");
    exit(70);
  }
  threads[count] = (struct traced){.id = id};
  return &threads[count++];
}

static void forget(pid_t id) {
  for (int i = 0; i < count; i++)
    if (threads[i].id == id) {
      threads[i] = threads[--count];
      return;
    }
}

static void go_on(pid_t id, int signal) {
  /* It may be gone already. */
  ptrace(PTRACE_SYSCALL, id, 0, signal);
}

/* Whether a program that has just started is a server process. */
static int begins_server(pid_t id) {
  char path[64], line[4096];
  snprintf(path, sizeof path, "/proc/%d/cmdline", id);
  int file = open(path, O_RDONLY);
  if (file < 0)
    return 0;
  ssize_t length = read(file, line, sizeof line - 1);
  close(file);
  if (length <= 0)
    return 0;
  for (ssize_t i = 0; i < length; i++)
    if (line[i] == 0)
      line[i] = ' ';
  line[length] = 0;
  const char *starts[] = {"git-receive-pack ", "git-upload-pack ", "git receive-pack ", "git upload-pack "};
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    const char *found = strstr(line, starts[i]);
    /* At the start, after a folder, or as the command of a shell. */
    if (found && (found == line || found[-1] == '/' || (found - line > 3 && !strncmp(found - 3, "-c ", 3))))
      return 1;
  }
  return 0;
}

/* Whether data written to a descriptor outlives the program, or is read by another process. */
static int is_seen(pid_t id, unsigned long long descriptor) {
  char path[64];
  struct stat found;
  snprintf(path, sizeof path, "/proc/%d/fd/%llu", id, descriptor);
  if (stat(path, &found))
    return 0;
  return S_ISREG(found.st_mode) || (descriptor > 2 && (S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode)));
}

/* The name of a system call that changes something; NULL for others. */
static const char *changes(pid_t id, const struct ptrace_syscall_info *info) {
  const __u64 *args = info->entry.args;
  switch (info->entry.nr) {
#ifdef SYS_open
  case SYS_open:
    return args[1] & (O_CREAT | O_TRUNC) ? "open" : NULL;
  case SYS_creat:
    return "creat";
  case SYS_rename:
    return "rename";
  case SYS_link:
    return "link";
  case SYS_symlink:
    return "symlink";
  case SYS_unlink:
    return "unlink";
  case SYS_mkdir:
    return "mkdir";
  case SYS_rmdir:
    return "rmdir";
#endif
#ifdef SYS_renameat
  case SYS_renameat:
    return "renameat";
#endif
  case SYS_openat:
    return args[2] & (O_CREAT | O_TRUNC) ? "openat" : NULL;
  case SYS_renameat2:
    return "renameat2";
  case SYS_linkat:
    return "linkat";
  case SYS_symlinkat:
    return "symlinkat";
  case SYS_unlinkat:
    return "unlinkat";
  case SYS_mkdirat:
    return "mkdirat";
  case SYS_truncate:
    return "truncate";
  case SYS_ftruncate:
    return "ftruncate";
  case SYS_write:
    return is_seen(id, args[0]) ? "write" : NULL;
  case SYS_writev:
    return is_seen(id, args[0]) ? "writev" : NULL;
  case SYS_pwrite64:
    return is_seen(id, args[0]) ? "pwrite64" : NULL;
  case SYS_copy_file_range:
    return "copy_file_range";
  case SYS_sendfile:
    return "sendfile";
  default:
    return NULL;
  }
}

/* Reports the call with its file. */
static void tell(pid_t id, const char *call, const struct ptrace_syscall_info *info) {
  char path[64], about[PATH_MAX] = "", name[64] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", id);
  FILE *comm = fopen(path, "r");
  if (comm) {
    if (fgets(name, sizeof name, comm))
      name[strcspn(name, "\n")] = 0;
    fclose(comm);
  }
  if (strstr(call, "write") || !strcmp(call, "ftruncate") || !strcmp(call, "sendfile")) {
    snprintf(path, sizeof path, "/proc/%d/fd/%llu", id, (unsigned long long)info->entry.args[0]);
    ssize_t length = readlink(path, about, sizeof about - 1);
    about[length > 0 ? length : 0] = 0;
  } else {
    int is_at = strstr(call, "at") != NULL && strcmp(call, "creat");
    snprintf(path, sizeof path, "/proc/%d/mem", id);
    int memory = open(path, O_RDONLY);
    if (memory >= 0) {
      ssize_t length = pread(memory, about, 256, (off_t)info->entry.args[is_at ? 1 : 0]);
      about[length > 0 ? length : 0] = 0;
      close(memory);
    }
  }
  fprintf(report, "killed %ld %s %s %s\n", calls, name, call, about);
}

static void kill_all(void) {
  is_over = 1;
  for (int i = 0; i < count; i++)
    if (!threads[i].is_server)
      kill(threads[i].id, SIGKILL);
}

/* Handles a stop before or after a system call. True before the last call. */
static int at_call(struct traced *thread, long last) {
  struct ptrace_syscall_info info;
  memset(&info, 0, sizeof info);
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->id, sizeof info, &info) <= 0)
    return 0;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || thread->is_server || is_over)
    return 0;
  const char *call = changes(thread->id, &info);
  if (!call || ++calls != last)
    return 0;
  tell(thread->id, call, &info);
  return 1;
}

static void stopped(pid_t id, int status, long last) {
  struct traced *thread = find(id);
  int signal = WSTOPSIG(status), event = status >> 16;
  if (signal == (SIGTRAP | 0x80)) {
    if (at_call(thread, last))
      kill_all();
    else
      go_on(id, 0);
    return;
  }
  if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
    unsigned long child = 0;
    int is_server = thread->is_server;
    ptrace(PTRACE_GETEVENTMSG, id, 0, &child);
    struct traced *begun = find((pid_t)child);
    begun->is_server = is_server;
    begun->is_known = begun->is_waiting ? 2 : 1;
    if (is_over && !is_server)
      kill(begun->id, SIGKILL);
    if (begun->is_waiting)
      go_on(begun->id, 0);
    go_on(id, 0);
    return;
  }
  if (event == PTRACE_EVENT_EXEC) {
    thread->is_server = thread->is_server || begins_server(id);
    go_on(id, 0);
    return;
  }
  if (!thread->is_known && signal == SIGSTOP) {
    thread->is_waiting = 1;
    return;
  }
  /* The initial stop of a new thread is not a signal. */
  int is_begin = thread->is_known == 1 && signal == SIGSTOP;
  thread->is_known = 2;
  go_on(id, event || is_begin ? 0 : signal);
}

int main(int argc, char **argv) {
  if (argc < 4)
    return 64;
  long last = atol(argv[1]);
  pid_t first = fork();
  if (first == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0))
      _exit(77);
    raise(SIGSTOP);
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  report = fopen(argv[2], "w");
  int status, code = 0;
  if (first < 0 || !report || waitpid(first, &status, 0) != first || !WIFSTOPPED(status))
    return 77;
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, first, 0, options))
    return 77;
  find(first)->is_known = 2;
  go_on(first, 0);
  pid_t id;
  while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
    if (id <= 0)
      continue;
    if (WIFSTOPPED(status)) {
      stopped(id, status, last);
      continue;
    }
    if (id == first)
      code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    forget(id);
  }
  if (!is_over)
    fprintf(report, "ended %ld\n", calls);
  fclose(report);
  return code;
}
