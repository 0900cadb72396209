// What the page does by itself: dots for what has committed, the clock, keys. Every figure arrives as text; none is computed.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const body = document.body;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const FLIGHT_MS = 900, LABEL_MS = 3000, MOST_DOTS = 24, DEAD_MS = 5000;
  let before = '', lastBeat = Date.now(), paused = false, flying = 0, label = new Map();
  const waiting = new Map();

  // -- money in motion ----------------------------------------------------------------------------------------------
  function fly(key, way, count) {
    const place = $('p-' + key), dots = $('dots');
    if (!place || !dots || still.matches || document.hidden) return;
    if (flying >= MOST_DOTS) {
      const lane = key + ' ' + way;
      waiting.set(lane, (waiting.get(lane) || 0) + count);
      return;
    }
    const at = (name) => Number(place.dataset[name]);
    const outer = [at('ox'), at('oy')], inner = [at('ix'), at('iy')];
    const [from, to] = way === 'in' ? [outer, inner] : [inner, outer];
    const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
    const dot = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
    dot.setAttribute('r', way === 'in' ? 8 : 7);
    dot.setAttribute('class', 'dot ' + way);
    group.append(dot);
    if (count > 1) {
      const text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      text.setAttribute('x', 12); text.setAttribute('y', -8); text.setAttribute('class', 'dot-count');
      text.textContent = '× ' + count;
      group.append(text);
    }
    dots.append(group);
    flying += 1;
    const put = ([x, y]) => ({ transform: `translate(${x}px, ${y}px)` });
    group.animate([put(from), put(to)], { duration: FLIGHT_MS, easing: 'ease-in-out', fill: 'forwards' })
      .finished.catch(() => {}).finally(() => { group.remove(); flying -= 1; next(); });
  }
  function next() {
    const lane = waiting.entries().next();
    if (lane.done) return;
    const [name, count] = lane.value;
    waiting.delete(name);
    fly(...name.split(' '), count);
  }
  function say(id, text) {
    const there = $(id);
    if (there && there.textContent !== text) there.textContent = text;
  }
  function flow(event) {
    const said = JSON.parse(event.detail.data);
    for (const [id, text] of Object.entries(said.texts)) if (!label.has(id)) say(id, text);
    const again = $('again');
    if (again && 't-queue' in said.texts && said.texts['t-queue'] !== again.dataset.waiting) again.textContent = again.dataset.new;
    for (const [id, [moved, after]] of Object.entries(said.labels)) {
      const there = $(id);
      if (!there) continue;
      clearTimeout(label.get(id));
      there.textContent = moved;
      there.classList.add('moved');
      label.set(id, setTimeout(() => {
        label.delete(id);
        const now = $(id);
        if (now) { now.textContent = after; now.classList.remove('moved'); }
      }, LABEL_MS));
    }
    for (const [key, way, count] of said.dots) fly(key, way, count);
  }

  // -- live, or the last known state -------------------------------------------------------------------------------
  function beat(event) {
    lastBeat = Date.now();
    const said = JSON.parse(event.detail.data);
    say('clock', said.clock);
    say('live-word', body.dataset.live);
    if (body.classList.contains('stale')) { body.classList.remove('stale'); approvals(true); if ($('title')?.textContent.startsWith(body.dataset.lastKnown)) say('title', before); say('polite', body.dataset.live); }
  }
  setInterval(() => {
    if (Date.now() - lastBeat < DEAD_MS || body.classList.contains('stale') || !$('stream')) return;
    body.classList.add('stale');
    approvals(false);
    say('live-word', body.dataset.notLive);
    before = $('title')?.textContent || '';
    say('title', body.dataset.lastKnown + $('clock').textContent);
    say('polite', body.dataset.notLive);
  }, 500);
  // Nothing is approved by what may no longer be so.
  function approvals(on) {
    for (const button of document.querySelectorAll('.acts button')) button.disabled = !on;
  }
  document.addEventListener('htmx:sse:error', (event) => { if (event.detail.status === 401) location.reload(); });
  document.addEventListener('htmx:sse:before:message', (event) => {
    if (paused && !event.detail.message.event) { event.detail.cancelled = true; event.preventDefault(); }
  });
  document.addEventListener('flow', flow);
  document.addEventListener('beat', beat);

  // -- the list of what commits ------------------------------------------------------------------------------------
  document.addEventListener('click', (event) => {
    const chip = event.target.closest('[data-chip]');
    if (chip) {
      for (const other of document.querySelectorAll('[data-chip]')) other.setAttribute('aria-pressed', String(other === chip));
      $('ticker').dataset.only = chip.dataset.chip;
    }
    if (event.target.closest('[data-pause]')) pause();
    if (event.target.closest('[data-again]')) location.reload();
  });
  document.addEventListener('htmx:after:swap', () => {
    const chip = document.querySelector('[data-chip][aria-pressed="true"]');
    if (chip && $('ticker')) $('ticker').dataset.only = chip.dataset.chip;
    places();
  });
  function pause() {
    paused = !paused;
    for (const button of document.querySelectorAll('[data-pause]')) button.setAttribute('aria-pressed', String(paused));
  }

  // -- keys --------------------------------------------------------------------------------------------------------
  let current = 0;
  function places() {
    const all = [...document.querySelectorAll('.place')];
    if (!all.length) return all;
    current = Math.min(current, all.length - 1);
    all.forEach((place, number) => place.setAttribute('tabindex', number === current ? '0' : '-1'));
    return all;
  }
  places();
  let going = false;
  document.addEventListener('keydown', (event) => {
    if (event.target.closest('input, textarea, select') || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = event.target.closest('.place');
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (place && step) {
      const all = places();
      current = (current + step + all.length) % all.length;
      places()[current].focus();
      event.preventDefault();
    } else if (going && event.key === 'c') { location.href = body.dataset.home; going = false;
    } else if (event.key === 'g') { going = true; setTimeout(() => { going = false; }, 1000);
    } else if (event.key === 'j' || event.key === 'k') {
      const rows = [...document.querySelectorAll('.queue tbody a')];
      const now = rows.indexOf(document.activeElement) + (event.key === 'j' ? 1 : -1);
      rows[Math.max(0, Math.min(rows.length - 1, now))]?.focus();
    } else if (event.key === 'a') { document.querySelector('.acts button.main')?.focus();
    } else if (event.key === 'x') { $('reason')?.focus(); event.preventDefault();
    } else if (event.key === 't') { $('as-table')?.click();
    } else if (event.key === 'p') { pause();
    } else if (event.key === '?') { $('keys')?.toggleAttribute('open');
    } else if (event.key === 'Escape') { $('up')?.click(); }
  });
})();
