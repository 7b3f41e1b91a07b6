//! Clocks, random numbers, the environment; and what is nobody else's.

use super::super::clock::Clock;
use super::super::ctx::MAX_STRINGS_BYTES;
use super::front::Front;
use super::{Answer, Halt, RANDOM_BYTES};

/// `args_get`: a module's arguments are its own.
pub fn args_get(_front: &mut Front<'_>, _argv: u32, _buf: u32) -> Answer<()> {
    Err(Halt::Real)
}

/// `args_sizes_get`
pub fn args_sizes_get(_front: &mut Front<'_>, _count: u32, _size: u32) -> Answer<()> {
    Err(Halt::Real)
}

/// `proc_raise`
pub fn proc_raise(_front: &mut Front<'_>, _signal: u32) -> Answer<()> {
    Err(Halt::Real)
}

/// `sched_yield`
pub fn sched_yield(_front: &mut Front<'_>) -> Answer<()> {
    Err(Halt::Real)
}

/// `environ_get`: of what it was told with the sizes, since these must agree.
pub fn environ_get(front: &mut Front<'_>, _environ: u32, _buf: u32) -> Answer<()> {
    let asked = {
        let virt = &front.state()?.virt;
        virt.parts.env && !virt.env_asked
    };
    if asked {
        variables(front)?;
    }
    Err(Halt::Real)
}

/// `environ_sizes_get`: asks anew.
pub fn environ_sizes_get(front: &mut Front<'_>, _count: u32, _size: u32) -> Answer<()> {
    if front.parts()?.env {
        variables(front)?;
    }
    Err(Halt::Real)
}

/// Asks for the environment, and keeps it for the guest to read.
fn variables(front: &mut Front<'_>) -> Answer<()> {
    let variables = front.answers.variables()?;
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    if bytes > MAX_STRINGS_BYTES {
        return Err(Halt::Broken(format!("an environment of {bytes} bytes: {MAX_STRINGS_BYTES} is the most")));
    }
    let mut env = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Halt::Broken("a variable has no name, a '=' in its name, or a NUL".to_owned()));
        }
        env.push(format!("{name}={value}").into_bytes());
    }
    let mut ctx = front.state()?;
    ctx.env = env;
    ctx.virt.env_asked = true;
    Ok(())
}

/// `clock_time_get`
pub fn clock_time_get(front: &mut Front<'_>, id: u32, _precision_ns: u64, time: u32) -> Answer<()> {
    if !front.parts()?.clock {
        return Err(Halt::Real);
    }
    Clock::from_raw(id)?;
    front.mem()?.check(time, 8)?;
    let now = front.answers.now(id as u8)?;
    Ok(front.mem()?.write_u64(time, now)?)
}

/// `clock_res_get`
pub fn clock_res_get(front: &mut Front<'_>, id: u32, resolution: u32) -> Answer<()> {
    if !front.parts()?.clock {
        return Err(Halt::Real);
    }
    Clock::from_raw(id)?;
    front.mem()?.check(resolution, 8)?;
    let found = front.answers.resolution(id as u8)?;
    Ok(front.mem()?.write_u64(resolution, found)?)
}

/// `random_get`
pub fn random_get(front: &mut Front<'_>, buf: u32, len: u32) -> Answer<()> {
    if !front.parts()?.random {
        return Err(Halt::Real);
    }
    front.mem()?.check(buf, len)?;
    let mut done = 0;
    while done < len {
        let wanted = RANDOM_BYTES.min(len - done);
        let bytes = front.answers.random(wanted)?;
        if bytes.len() != wanted as usize {
            let message = format!("it was asked for {wanted} random bytes, and gave {}", bytes.len());
            return Err(Halt::Broken(message));
        }
        // All of the range lies in the memory.
        front.mem()?.write(buf + done, &bytes)?;
        done += wanted;
    }
    Ok(())
}
