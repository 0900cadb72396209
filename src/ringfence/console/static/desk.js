// A desk that is open looks every few seconds whether something else waits: then it reads itself again, unless somebody is typing.
'use strict';
(() => {
  const again = document.getElementById('again');
  if (!again) return;
  let typed = false;
  document.addEventListener('input', () => { typed = true; });
  const look = async () => {
    try {
      const answer = await fetch(again.dataset.ask, { cache: 'no-store' });
      if (!answer.ok) return;
      if ((await answer.text()) === again.dataset.waiting) return;
      if (typed || document.querySelector('.banner.alarm')) again.textContent = again.dataset.new;
      else location.assign(again.href);
    } catch { /* not reached: asked again */ }
  };
  setInterval(() => { if (!document.hidden) look(); }, 3000);
})();
