// A desk that is open looks every few seconds whether something else waits: then it reads itself again, unless somebody types or has pressed something.
'use strict';
(() => {
  const again = document.getElementById('again');
  if (!again) return;
  let busy = false;
  for (const what of ['input', 'submit']) document.addEventListener(what, () => { busy = true; });
  const look = async () => {
    try {
      const answer = await fetch(again.dataset.ask, { cache: 'no-store' });
      if (!answer.ok) return;
      if ((await answer.text()) === again.dataset.waiting) return;
      if (busy || document.querySelector('.banner.alarm')) again.textContent = again.dataset.new;
      else location.assign(again.href);
    } catch { /* not reached: asked again */ }
  };
  setInterval(() => { if (!document.hidden) look(); }, 3000);
})();
