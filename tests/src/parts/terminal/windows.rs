//! A console with nobody at it but the test (CreatePseudoConsole), and another program at it as the shell would be.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString, c_void},
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
    mem,
    os::windows::{
        ffi::OsStrExt,
        io::{AsRawHandle, FromRawHandle, OwnedHandle},
    },
    path::PathBuf,
    process::Command,
    ptr,
    sync::mpsc::{self, Receiver},
    thread,
};

use windows_sys::{
    Win32::{
        Foundation::{HANDLE, HANDLE_FLAG_INHERIT, SetHandleInformation, WAIT_OBJECT_0},
        System::{
            Console::{
                COORD, ClosePseudoConsole, CreatePseudoConsole, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT,
                ENABLE_PROCESSED_INPUT, HPCON, SetConsoleCtrlHandler,
            },
            LibraryLoader::{GetModuleHandleW, GetProcAddress},
            Threading::{
                CREATE_UNICODE_ENVIRONMENT, CreateProcessW, CreateRemoteThread,
                DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, GetExitCodeProcess,
                InitializeProcThreadAttributeList, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, PROCESS_INFORMATION, STARTF_USESTDHANDLES,
                STARTUPINFOEXW, TerminateProcess, UpdateProcThreadAttribute, WaitForSingleObject,
            },
        },
    },
    w,
};

#[path = "screen.rs"]
mod screen;

use screen::shown;

use super::{BOUND, Output, Pid, binaries};

/// Wide enough that no line of ours is broken.
const SIZE: COORD = COORD { X: 1200, Y: 40 };

/// Ctrl-C as a terminal sends it.
const CTRL_C: char = '\x03';

/// A console, and what it has shown.
pub struct Terminal {
    console: HPCON,
    person: PipeWriter,
    screen: Receiver<Vec<u8>>,
    sent: Vec<u8>,
    shown: String,
    witness: Witness,
}

/// What outlives the programs that are started at the console, as their shell would.
struct Witness {
    questions: PipeWriter,
    answers: PipeReader,
    _process: Process,
}

impl Terminal {
    /// One that shows nothing yet.
    ///
    /// # Panics
    /// Where the system has none.
    pub fn new() -> Self {
        let (keys, person) = io::pipe().expect("a pipe");
        let (screen, screen_writer) = io::pipe().expect("a pipe");
        let mut console = 0;
        #[expect(unsafe_code, reason = "a pseudo console has no safe wrapper")]
        // SAFETY: the pipes are open, and the pointer is to a live variable. What is started from here is to be ended by
        // Ctrl-C, whoever started us.
        let made = unsafe {
            SetConsoleCtrlHandler(None, 0);
            CreatePseudoConsole(
                SIZE,
                keys.as_raw_handle(),
                screen_writer.as_raw_handle(),
                0,
                &raw mut console,
            )
        };
        assert_eq!(made, 0, "no pseudo console: {made:#x}");
        let (sender, receiver) = mpsc::channel();
        // A thread, so that the console never waits for a test that does not look.
        thread::spawn(move || {
            let mut screen = screen;
            let mut some = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut some) {
                if sender.send(some[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let witness = Witness::at(console);
        Self { console, person, screen: receiver, sent: Vec::new(), shown: String::new(), witness }
    }

    /// Starts a command at this console; what it writes to its standard streams does not go there.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(&self, command: &Command) -> Started {
        let (stdout, stdout_writer) = io::pipe().expect("a pipe");
        let (stderr, stderr_writer) = io::pipe().expect("a pipe");
        let streams = [ptr::null_mut(), stdout_writer.as_raw_handle(), stderr_writer.as_raw_handle()];
        Started { process: start(self.console, command, streams), stdout, stderr }
    }

    /// Starts a command as a shell does: its standard input and output are the console, and its standard error is not.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start_here(&self, command: &Command) -> Started {
        let mut shell = Command::new(witness());
        shell.arg("run").arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        self.start(&shell)
    }

    /// Looks at what is shown until it ends so where the cursor stands.
    ///
    /// # Panics
    /// Where nothing more comes.
    #[track_caller]
    pub fn until(&mut self, end: &str) {
        // On a screen there are no blanks at the end of a line.
        let end = end.replace(" \r\n", "\r\n");
        while !self.shown.ends_with(&end) {
            match self.screen.recv_timeout(BOUND) {
                Ok(more) => self.sent.extend(more),
                Err(error) => panic!("{error} in {} s for {end:?} after {:?}", BOUND.as_secs(), self.shown),
            }
            self.shown = shown(&self.sent);
        }
    }

    /// What was shown so far, as far as [`Self::until`] has looked: the lines down to the cursor.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Presses these keys.
    ///
    /// # Panics
    /// Where the console is gone.
    pub fn press(&mut self, keys: &str) {
        // Enter is a CR here.
        let keys = keys.replace('\n', "\r");
        for keys in keys.split_inclusive(CTRL_C) {
            match keys.strip_suffix(CTRL_C) {
                // wine's console takes this one for the end of all input.
                Some(before) if is_wine() => {
                    self.person.write_all(before.as_bytes()).expect("typed");
                    self.witness.ask("ctrl-c");
                }
                _ => self.person.write_all(keys.as_bytes()).expect("typed"),
            }
        }
    }

    /// The mode of the console's input.
    ///
    /// # Panics
    /// Where the console is gone.
    pub fn mode(&self) -> u32 {
        self.witness.ask("mode");
        let mut answer = String::new();
        BufReader::new(&self.witness.answers).read_line(&mut answer).expect("an answer");
        answer.trim().parse().expect("a mode")
    }

    /// Whether what is typed is shown, and Ctrl-C an event.
    ///
    /// # Panics
    /// Where the console is gone.
    pub fn is_usual(&self) -> bool {
        let usual = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT;
        self.mode() & usual == usual
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a pseudo console has no safe wrapper")]
        // SAFETY: it is closed once, and the thread empties its output until it has ended.
        unsafe {
            ClosePseudoConsole(self.console);
        }
    }
}

impl Witness {
    fn at(console: HPCON) -> Self {
        let (stdin, questions) = io::pipe().expect("a pipe");
        let (answers, stdout) = io::pipe().expect("a pipe");
        let mut command = Command::new(witness());
        command.envs(std::env::vars_os());
        let process =
            start(console, &command, [stdin.as_raw_handle(), stdout.as_raw_handle(), ptr::null_mut()]);
        Self { questions, answers, _process: process }
    }

    fn ask(&self, question: &str) {
        (&self.questions).write_all(format!("{question}\n").as_bytes()).expect("asked");
    }
}

/// A process that is ended at the latest when it is dropped.
struct Process(OwnedHandle);

impl Drop for Process {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a process that was not started by std has no safe wrapper")]
        // SAFETY: the handle is open. One that has ended stays as it ended.
        unsafe {
            TerminateProcess(self.0.as_raw_handle(), 1);
        }
    }
}

/// Whether this process has a console.
///
/// # Panics
/// Where that cannot be told.
pub fn has_console(pid: Pid) -> bool {
    let output =
        Command::new(witness()).arg("has-console").arg(pid.to_string()).output().expect("the witness");
    match output.stdout.trim_ascii() {
        b"true" => true,
        b"false" => false,
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The program that stays at a console.
fn witness() -> PathBuf {
    binaries::console_witness()
}

/// A command that runs at a console.
pub struct Started {
    process: Process,
    stdout: PipeReader,
    stderr: PipeReader,
}

impl Started {
    /// Waits for its end; what it said elsewhere than on the console.
    ///
    /// # Panics
    /// When [`BOUND`] has passed; it is ended then.
    #[track_caller]
    pub fn ended(self) -> Output {
        let text = |mut pipe: PipeReader| {
            let (sender, text) = mpsc::channel();
            thread::spawn(move || {
                let mut text = String::new();
                pipe.read_to_string(&mut text).expect("text");
                let _ = sender.send(text);
            });
            text
        };
        let (stdout, stderr) = (text(self.stdout), text(self.stderr));
        let process = self.process.0.as_raw_handle();
        let mut code = 0;
        #[expect(unsafe_code, reason = "a process that was not started by std has no safe wrapper")]
        // SAFETY: the handle is open, and the pointer is to a live variable.
        let ended = unsafe {
            let milliseconds = u32::try_from(BOUND.as_millis()).unwrap_or(u32::MAX - 1);
            let ended = WaitForSingleObject(process, milliseconds) == WAIT_OBJECT_0;
            if !ended {
                TerminateProcess(process, 1);
            }
            GetExitCodeProcess(process, &raw mut code);
            ended
        };
        let output = Output {
            code: Some(code.cast_signed()),
            stdout: stdout.recv_timeout(BOUND).expect("it lets its output go"),
            stderr: stderr.recv_timeout(BOUND).expect("it lets its output go"),
        };
        assert!(ended, "waited {} s for a command at a console: {}", BOUND.as_secs(), output.stderr);
        output
    }

    /// Lets an event of its console come to it, as the system does: in a thread that begins at kernel32's CtrlRoutine.
    /// wine's consoles have no event but Ctrl-C.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn event(&self, event: u32) {
        #[expect(unsafe_code, reason = "a thread in another process has no safe wrapper")]
        // SAFETY: kernel32 lies at the same address in every process, and its function takes the event's number in place
        // of a pointer. The thread's handle is owned at once.
        unsafe {
            let kernel32 = GetModuleHandleW(w!("kernel32.dll"));
            let routine = GetProcAddress(kernel32, c"CtrlRoutine".as_ptr().cast())
                .or_else(|| {
                    GetProcAddress(GetModuleHandleW(w!("kernelbase.dll")), c"CtrlRoutine".as_ptr().cast())
                })
                .expect("CtrlRoutine");
            let routine = mem::transmute::<
                unsafe extern "system" fn() -> isize,
                unsafe extern "system" fn(*mut c_void) -> u32,
            >(routine);
            let parameter = ptr::without_provenance(usize::try_from(event).expect("small"));
            let thread = CreateRemoteThread(
                self.process.0.as_raw_handle(),
                ptr::null(),
                0,
                Some(routine),
                parameter,
                0,
                ptr::null_mut(),
            );
            assert!(!thread.is_null(), "no thread: {}", io::Error::last_os_error());
            drop(OwnedHandle::from_raw_handle(thread));
        }
    }
}

/// Whether this system is wine, which has this function of its own (wine's "Developer's Guide").
pub fn is_wine() -> bool {
    #[expect(unsafe_code, reason = "a library's functions have no safe wrapper")]
    // SAFETY: ntdll is loaded in every process, and the names end with a NUL.
    unsafe {
        GetProcAddress(GetModuleHandleW(w!("ntdll.dll")), c"wine_get_version".as_ptr().cast()).is_some()
    }
}

/// Starts a command at a console with these standard streams, and with no environment but what it names.
fn start(console: HPCON, command: &Command, streams: [HANDLE; 3]) -> Process {
    let mut line = wide(&command_line(command));
    let mut environment = environment(command);
    let folder = command.get_current_dir().map(|folder| wide(folder.as_os_str()));
    let mut inherited: Vec<_> = streams.into_iter().filter(|stream| !stream.is_null()).collect();
    let mut process = PROCESS_INFORMATION::default();
    #[expect(unsafe_code, reason = "a process at a pseudo console has no safe wrapper")]
    // SAFETY: every pointer is to something that lives until the process is made, the attributes among them, which lie in
    // memory of the size and alignment that the system wants; both handles are owned from then on.
    unsafe {
        for stream in &inherited {
            assert_ne!(SetHandleInformation(*stream, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT), 0);
        }
        let mut size = 0;
        InitializeProcThreadAttributeList(ptr::null_mut(), 2, 0, &raw mut size);
        let mut memory = vec![0_u64; size.div_ceil(8)];
        let attributes = memory.as_mut_ptr().cast();
        assert_ne!(InitializeProcThreadAttributeList(attributes, 2, 0, &raw mut size), 0);
        let set = |attribute: u32, value: *const c_void, size| {
            let attribute = usize::try_from(attribute).expect("small");
            let set = UpdateProcThreadAttribute(
                attributes,
                0,
                attribute,
                value,
                size,
                ptr::null_mut(),
                ptr::null(),
            );
            assert_ne!(set, 0, "{}", io::Error::last_os_error());
        };
        // Of a console its handle is the value itself.
        set(
            PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE,
            ptr::without_provenance(console.cast_unsigned()),
            size_of::<HPCON>(),
        );
        let size = size_of_val(inherited.as_slice());
        set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited.as_mut_ptr().cast(), size);
        let mut startup = STARTUPINFOEXW::default();
        startup.StartupInfo.cb = u32::try_from(size_of::<STARTUPINFOEXW>()).expect("small");
        startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        [startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError] =
            streams;
        startup.lpAttributeList = attributes;
        let started = CreateProcessW(
            ptr::null(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT,
            environment.as_mut_ptr().cast(),
            folder.as_ref().map_or(ptr::null(), |folder| folder.as_ptr()),
            &raw const startup.StartupInfo,
            &raw mut process,
        );
        let error = io::Error::last_os_error();
        DeleteProcThreadAttributeList(attributes);
        assert_ne!(started, 0, "cannot start {:?}: {error}", command.get_program());
        drop(OwnedHandle::from_raw_handle(process.hThread));
        Process(OwnedHandle::from_raw_handle(process.hProcess))
    }
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

/// A command as one line, whose words need no other care than quotes around white space.
fn command_line(command: &Command) -> OsString {
    let mut line = OsString::new();
    for word in [command.get_program()].into_iter().chain(command.get_args()) {
        let text = word.to_string_lossy();
        assert!(!text.contains('"') && !text.ends_with('\\'), "{text:?} wants more care");
        let quote = if text.is_empty() || text.contains([' ', '\t']) { "\"" } else { "" };
        if !line.is_empty() {
            line.push(" ");
        }
        line.push(quote);
        line.push(word);
        line.push(quote);
    }
    line
}

/// The variables that a command names, as the system takes them: sorted, each ended by a NUL, and one more.
fn environment(command: &Command) -> Vec<u16> {
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let sorted: BTreeMap<_, _> =
        variables.map(|(name, value)| (name.to_ascii_uppercase(), (name, value))).collect();
    let mut block = Vec::new();
    for (name, value) in sorted.values() {
        block.extend(name.encode_wide().chain([u16::from(b'=')]).chain(value.encode_wide()).chain([0]));
    }
    block.push(0);
    block
}
