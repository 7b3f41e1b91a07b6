'use strict';
{
  const all = (selector, root) => [...(root || document).querySelectorAll(selector)];
  const search = document.getElementById('search');
  const found = document.getElementById('found');
  const translated = document.getElementById('translated');
  const functions = all('details.f');

  // The lines of a function by position: made when they are first wanted.
  const indices = new Map();
  const index = (details) => {
    let lines = indices.get(details);
    if (!lines) {
      lines = new Map();
      for (const line of all('[data-p]', details)) {
        const position = line.dataset.p;
        if (!lines.has(position)) lines.set(position, []);
        lines.get(position).push(line);
      }
      indices.set(details, lines);
    }
    return lines;
  };

  let marked = [];
  let pinned = null;
  const mark = (lines, name) => {
    for (const line of lines) {
      line.classList.add(name);
      marked.push([line, name]);
    }
  };
  const unmark = () => {
    for (const [line, name] of marked) line.classList.remove(name);
    marked = [];
  };
  // Marks all lines of a line's position; those of the call that it is inlined for, or of what is inlined for it, less so.
  const show = (line) => {
    unmark();
    if (!line) return;
    const lines = index(line.closest('details'));
    const same = (position) => lines.get(position) || [];
    mark(same(line.dataset.p), 'on');
    for (const operator of same(line.dataset.p)) {
      if (!operator.closest('.w')) continue;
      let inside = operator.nextElementSibling;
      while (inside && inside.className === 'n') {
        for (const inner of all('[data-p]', inside)) mark(same(inner.dataset.p), 'near');
        inside = inside.nextElementSibling;
      }
      for (let block = operator.closest('.n'); block; block = block.parentElement.closest('.n')) {
        let call = block.previousElementSibling;
        while (call && call.className === 'n') call = call.previousElementSibling;
        if (call && call.dataset.p) mark(same(call.dataset.p), 'near');
      }
    }
  };
  const visible = (line) => line.offsetParent !== null;
  const reveal = (line) => {
    const lines = index(line.closest('details')).get(line.dataset.p) || [];
    const columns = new Set([line.closest('section')]);
    for (const other of lines) {
      const column = other.closest('section');
      if (columns.has(column) || !visible(other)) continue;
      columns.add(column);
      const code = other.closest('.code');
      code.scrollTop += other.getBoundingClientRect().top - code.getBoundingClientRect().top - code.clientHeight / 3;
    }
  };
  const pin = (line) => {
    pinned = line;
    show(line);
    if (!line) return;
    reveal(line);
    line.tabIndex = -1;
    line.focus();
  };

  document.addEventListener('mouseover', (event) => {
    if (pinned) return;
    const line = event.target.closest('[data-p]');
    if (line) show(line);
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('.copy');
    if (button) {
      copy(button);
      return;
    }
    const line = event.target.closest('[data-p]');
    // Who selects text wants no line.
    if (line && String(getSelection()) === '') pin(line === pinned ? null : line);
  });

  // By selecting, which a page from a file may do anywhere.
  const copy = (button) => {
    const code = button.closest('section').querySelector('.code');
    const selection = getSelection();
    selection.removeAllRanges();
    const range = document.createRange();
    range.selectNodeContents(code);
    selection.addRange(range);
    const done = document.execCommand('copy');
    if (done) selection.removeAllRanges();
    button.textContent = done ? 'copied' : 'selected: press Ctrl+C';
    setTimeout(() => { button.textContent = 'copy'; }, 2000);
  };

  let hits = [];
  let hit = -1;
  const find = () => {
    for (const line of hits) line.classList.remove('hit');
    const wanted = search.value.toLowerCase();
    hits = [];
    hit = -1;
    if (wanted) {
      for (const details of functions) {
        const name = details.querySelector('summary b');
        if (name.textContent.toLowerCase().includes(wanted)) hits.push(name);
        for (const line of all('.code div:not(.n)', details)) {
          const column = line.closest('section').classList;
          const other = translated.checked ? 'l' : 't';
          if (!column.contains(other) && line.textContent.toLowerCase().includes(wanted)) hits.push(line);
        }
      }
      for (const line of hits) line.classList.add('hit');
    }
    found.textContent = wanted ? hits.length + ' found' : '';
  };
  const next = (step) => {
    if (hits.length === 0) return;
    hit = (hit + step + (hit < 0 && step < 0 ? 1 : 0) + hits.length) % hits.length;
    const line = hits[hit];
    line.closest('details').open = true;
    line.scrollIntoView({ block: 'center' });
    if (line.dataset.p) pin(line);
    found.textContent = hit + 1 + ' of ' + hits.length;
  };
  let waiting = 0;
  search.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 150);
  });

  const toggle = () => {
    document.body.classList.toggle('translated', translated.checked);
    find();
  };
  translated.addEventListener('change', toggle);

  // The next line of the column, or the line of the next column that is of the same position.
  const move = (key) => {
    const from = pinned || all('.code [data-p]').find(visible);
    if (!from) return;
    if (!pinned) {
      pin(from);
      return;
    }
    if (key === 'ArrowUp' || key === 'ArrowDown') {
      const lines = all('[data-p]', from.closest('.code'));
      const to = lines[lines.indexOf(from) + (key === 'ArrowDown' ? 1 : -1)];
      if (to) {
        pin(to);
        to.scrollIntoView({ block: 'nearest' });
      }
      return;
    }
    const columns = all('section', from.closest('.columns')).filter(visible);
    const step = key === 'ArrowRight' ? 1 : -1;
    for (let i = columns.indexOf(from.closest('section')) + step; columns[i]; i += step) {
      const to = (index(from.closest('details')).get(from.dataset.p) || []).find((line) => columns[i].contains(line));
      if (to) {
        pin(to);
        return;
      }
    }
  };
  const leave = (step) => {
    const at = functions.findIndex((details) => details.contains(document.activeElement));
    const to = functions[Math.min(Math.max(at + step, 0), functions.length - 1)];
    if (!to) return;
    pin(null);
    to.open = true;
    to.querySelector('summary').focus();
    to.scrollIntoView();
  };

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target === search) {
      if (event.key === 'Enter') {
        clearTimeout(waiting);
        find();
        search.blur();
        next(1);
      } else if (event.key === 'Escape') {
        search.value = '';
        find();
        search.blur();
      }
      return;
    }
    switch (event.key) {
      case '/': search.focus(); break;
      case 'n': next(1); break;
      case 'N': next(-1); break;
      case '[': leave(-1); break;
      case ']': leave(1); break;
      case 'c': translated.checked = !translated.checked; toggle(); break;
      case 'Escape': pin(null); break;
      case 'ArrowUp': case 'ArrowDown': case 'ArrowLeft': case 'ArrowRight': move(event.key); break;
      default: return;
    }
    event.preventDefault();
  });
}
